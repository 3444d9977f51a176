import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { Cell } from "#src/cells/cell";
import * as msrnn from "#src/index";
import { cellFor, modelNames } from "#src/models";
import { maxPool, upsample } from "#src/ops/resample";
import { random } from "#src/random";
import { stack } from "#src/stack";
import type { Frames, Tree } from "#src/types";
import { chain, multiScale, multiScaleUNet3Plus, pyramid, type Wiring } from "#src/wiring";
import { distance, values } from "./gradient";

/** A cell one can follow by hand: h' = (layer + 1)·x + h/2. */
const plain = (layer: number): Cell => ({
  name: "plain",
  cites: { key: "none", title: "", authors: "", year: 0, checked: "no" },
  filters: 2,
  init: () => ({ factor: tf.scalar(layer + 1) }),
  zeroState: (batch, height, width) => ({ h: tf.zeros([batch, height, width, 2]) }),
  step({ factor }, { x }, { h }) {
    const next = tf.add<Frames>(tf.mul(factor as tf.Scalar, x), tf.mul(h as Frames, 0.5));
    return { h: next, state: { h: next } };
  },
  convolutions: () => [],
});

test("a chain of any cell adds up as by hand, over two steps", async () => {
  await chooseBackend("cpu");
  const network = stack(plain, chain(3));
  const params = network.init(random(1), 2);
  const x = values<tf.Rank.R4>([1, 2, 2, 2]);
  const first = network.step(params, x, network.zeroState(1, 2, 2));
  assert.ok(distance(first.h, tf.mul(x, 6)) < 1e-6);
  const second = network.step(params, x, first.state);
  // Layer by layer: 1 + 1/2; 2·1.5 + 2/2 = 4; 3·4 + 6/2 = 15.
  assert.ok(distance(second.h, tf.mul(x, 15)) < 1e-5);
});

test("multi-scale: any cell is pooled down, up-sampled, and given its skips", async () => {
  await chooseBackend("cpu");
  const network = stack(plain, multiScale);
  const state = network.zeroState(1, 8, 8);
  assert.deepEqual(
    Object.values(state).map((layer) => ((layer as Tree).h as Frames).shape[1]),
    [8, 4, 2, 2, 4, 8],
  );
  const x = values<tf.Rank.R4>([1, 8, 8, 2]);
  const { h, state: next } = network.step(network.init(random(1), 2), x, state);
  const h0 = x;
  const h1 = tf.mul(maxPool(h0, 2), 2) as Frames;
  const h2 = tf.mul(maxPool(h1, 2), 3) as Frames;
  const h3 = tf.mul(h2, 4) as Frames;
  const h4 = tf.mul(tf.add(upsample(h3, 2), h1), 5) as Frames;
  const h5 = tf.mul(tf.add(upsample(h4, 2), h0), 6) as Frames;
  assert.ok(distance(h, h5) < 1e-4);
  assert.ok(distance((next[3] as Tree).h as Frames, h3) < 1e-5);
});

test("scale 1 to 4 is one pooling, not two poolings by 2 of something else; layers share resampled frames", async () => {
  await chooseBackend("cpu");
  const network = stack(plain, multiScaleUNet3Plus);
  const x = values<tf.Rank.R4>([1, 8, 8, 2]);
  const { state } = network.step(network.init(random(1), 2), x, network.zeroState(1, 8, 8));
  const h0 = x;
  const h1 = tf.mul(maxPool(h0, 2), 2) as Frames;
  const h2 = tf.mul(maxPool(h1, 2), 3) as Frames;
  const h3 = tf.mul(tf.addN([maxPool(h0, 4), maxPool(h1, 2), h2]), 4);
  assert.ok(distance((state[3] as Tree).h as Frames, h3) < 1e-5);
});

/** h' = x, m' = 2m + x, and what it read of the layer below in its state. */
const remembering = (layer: number): Cell => ({
  ...plain(layer),
  passesMemory: true,
  readsBelow: true,
  init: () => ({}),
  step: (_, { x, m, below }) => ({
    h: x,
    state: { ...(below && { below }) },
    m: tf.add<Frames>(tf.mul(m as Frames, 2), x),
  }),
});

test("the memory goes up through the layers at their scales, and on to the next time step", async () => {
  await chooseBackend("cpu");
  const network = stack(remembering, multiScale);
  const [one, two] = [values<tf.Rank.R4>([1, 8, 8, 2], "one"), values<tf.Rank.R4>([1, 8, 8, 2], "two")];
  const after = (x: Frames, m: Frames): Frames => {
    const step = (memory: Frames, input: Frames) => tf.add<Frames>(tf.mul(memory, 2), input);
    const x1 = maxPool(x, 2);
    const x2 = maxPool(x1, 2);
    const x4 = tf.add<Frames>(upsample(x2, 2), x1);
    const x5 = tf.add<Frames>(upsample(x4, 2), x);
    const m2 = step(maxPool(step(maxPool(step(m, x), 2), x1), 2), x2);
    return step(upsample(step(upsample(step(m2, x2), 2), x4), 2), x5);
  };
  const first = network.step({}, one, network.zeroState(1, 8, 8));
  const second = network.step({}, two, first.state);
  const expected = after(one, tf.zeros([1, 8, 8, 2]));
  assert.ok(distance(first.state.m as Frames, expected) < 1e-4);
  assert.ok(distance(second.state.m as Frames, after(two, expected)) < 1e-2);
});

test("what the layer below put out before comes resampled and without skips; zeros at the start", async () => {
  await chooseBackend("cpu");
  const network = stack(remembering, multiScale);
  const x = values<tf.Rank.R4>([1, 8, 8, 2]);
  const first = network.step({}, x, network.zeroState(1, 8, 8));
  const second = network.step({}, x, first.state);
  const read = (state: Tree, layer: number) => (state[layer] as Tree).below as Frames;
  assert.equal(read(second.state, 0), undefined);
  for (const layer of [1, 2, 3, 4, 5]) assert.equal(tf.max(tf.abs(read(first.state, layer))).dataSync()[0], 0);
  const x1 = maxPool(x, 2);
  const x2 = maxPool(x1, 2);
  assert.ok(distance(read(second.state, 2), x2) < 1e-6);
  assert.ok(distance(read(second.state, 4), upsample(x2, 2)) < 1e-6);
  // Layer 4 put out this with its skip; the skip of layer 5 is not in it.
  assert.ok(distance(read(second.state, 5), upsample(tf.add<Frames>(upsample(x2, 2), x1), 2)) < 1e-5);
});

test("a cell of ten lines gets its multi-scale network and trains, through the public API alone", async () => {
  await msrnn.chooseBackend("cpu");
  const leaky = (): msrnn.Cell<{ w: tf.Tensor4D }, { h: Frames }> => ({
    name: "leaky",
    cites: { key: "test", title: "made up", authors: "", year: 2026, checked: "no" },
    filters: 4,
    init: (random) => ({ w: tf.tensor4d(msrnn.uniform(random, 9 * 8 * 4, 72), [3, 3, 8, 4]) }),
    zeroState: (batch, height, width) => ({ h: tf.zeros([batch, height, width, 4]) }),
    step({ w }, { x }, { h }) {
      const next = tf.tanh<Frames>(tf.conv2d(tf.concat([x, h], 3), w, 1, "same"));
      return { h: next, state: { h: next } };
    },
    convolutions: () => [{ kernelSize: 3, inChannels: 8, outChannels: 4 }],
  });
  const frame = { height: 8, width: 8, channels: 1 };
  const model = msrnn.buildModel({ name: "MS-leaky", cellAt: leaky as msrnn.CellAt, wiring: msrnn.multiScale, frame });
  assert.equal(msrnn.reportModel(model).parameters, 6 * 288 + 4 + 4 + 4 + 1);
  const clip = { shape: [2, 4, 8, 8, 1], data: Float32Array.from({ length: 512 }, (_, i) => (i % 7) / 7) };
  const batches = (async function* () {
    for (;;) yield { data: clip as unknown as msrnn.Sequences, ids: ["a", "b"] };
  })();
  const options = { iterations: 12, learningRate: () => 1e-2, sampling: msrnn.noSampling({ context: 2 }) };
  const losses: number[] = [];
  for await (const event of msrnn.train(model, batches, msrnn.startState(model, 1), options)) {
    if (event.kind === "step") losses.push(event.loss);
  }
  assert.ok(losses[11] < 0.8 * losses[0], String(losses));
});

test("average pooling and joining by channels change what layers read", async () => {
  await chooseBackend("cpu");
  const x = values<tf.Rank.R4>([1, 8, 8, 2]);
  const run = (wiring: Wiring) => {
    const network = stack(remembering, wiring);
    return network.step({}, x, network.zeroState(1, 8, 8)).state;
  };
  const pooled = (tf.avgPool(x, 2, 2, "valid") as Frames).dataSync();
  const wide = stack((layer) => ({ ...plain(layer), filters: 2 * (layer + 1) }), {
    ...pyramid([1, 2, 1]),
    join: "concat",
  });
  assert.deepEqual(wide.inputChannels(3), [3, 2, 6]);
  const averaged = stack((layer) => ({ ...plain(layer), init: () => ({ factor: tf.scalar(1) }) }), {
    ...pyramid([1, 2, 1]),
    down: "average",
  });
  const { state } = averaged.step(averaged.init(random(1), 2), x, averaged.zeroState(1, 8, 8));
  assert.ok(distance((state[1] as Tree).h as Frames, tf.tensor4d(pooled as Float32Array, [1, 4, 4, 2])) < 1e-6);
  assert.ok(distance(run({ ...multiScale, down: "average" }).m as Frames, run(multiScale).m as Frames) > 1e-3);
  assert.throws(() => stack(remembering, { ...multiScale, join: "concat" }), {
    message: /layer 4: plain compares its input .* expected join: "add"/,
  });
  assert.throws(
    () => stack((layer) => ({ ...plain(layer), filters: layer + 2 }), multiScale),
    /layer 4 adds up outputs/,
  );
});

test("every cell works in wirings that no paper has tried", async () => {
  await chooseBackend("cpu");
  const frame = { height: 16, width: 16, channels: 1 };
  for (const name of modelNames().filter((name) => !name.startsWith("MS-"))) {
    for (const wiring of [
      pyramid([1, 2, 1]),
      pyramid([1, 2, 4, 4, 2, 1]),
      { ...pyramid([1, 2, 2, 1]), down: "average" as const },
    ]) {
      const cellAt = (layer: number, layers: number) =>
        cellFor(name, { filters: 4, links: 2, window: 3 }, layer, layers);
      const model = msrnn.buildModel({ name: `${name} on ${wiring.scale}`, cellAt, wiring, frame });
      const forecast = msrnn.predict(model, model.init(1), values([1, 2, 16, 16, 1]) as msrnn.Clip, 2);
      assert.deepEqual(forecast.shape, [1, 2, 16, 16, 1]);
      assert.ok(forecast.dataSync().every(Number.isFinite), model.name);
    }
  }
});
