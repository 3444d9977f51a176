import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { WARP, warp, warpPlain } from "#src/ops/warp";
import { random } from "#src/random";
import type { Frames } from "#src/types";
import { backends, checkGradient, distance, values } from "../gradient";

const row = (...numbers: number[]) => tf.tensor4d(numbers, [1, 1, numbers.length, 1]);
const close = (got: tf.Tensor, expected: number[]) => {
  const list = [...got.dataSync()];
  assert.equal(list.length, expected.length);
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs(list[i] - value) < 1e-6, `${list}, expected ${expected}`);
  }
};
/** Flow of constant u and v in each link. */
const constant = ([batch, height, width]: number[], ...shifts: number[]) =>
  tf.tile(tf.tensor4d(shifts, [1, 1, 1, shifts.length]), [batch, height, width, 1]);

/** A flow that reads inside pixels, not near their borders, where the gradient jumps; also a little outside the map. */
function calmFlow([batch, height, width]: number[], links: number, sign: 1 | -1, clean = false): Frames {
  const draw = random("test", "flow");
  const shift = (at: number, size: number) => {
    const place = Math.floor(draw() * (size + 3)) - 2 + 0.2 + 0.6 * draw();
    return sign * ((clean ? place : ((place + 0.5) * Math.max(size - 1, 1)) / size) - at);
  };
  const flow: number[] = [];
  for (let pixel = 0; pixel < batch * height * width; pixel++) {
    for (let link = 0; link < links; link++) {
      flow.push(shift(pixel % width, width), shift(Math.floor(pixel / width) % height, height));
    }
  }
  return tf.tensor4d(flow, [batch, height, width, 2 * links]);
}

for (const backend of backends) {
  test(`${backend}: by hand: a zero flow stretches the map and fades its border`, async () => {
    await chooseBackend(backend);
    // Places -1/2, 1, 5/2 across; a map of height 1 is read at -1/2, half outside.
    close(warp(row(2, 4, 8), constant([1, 1, 3], 0, 0)), [0.5, 2, 2]);
    // Shifted down by half a pixel it is read in full.
    close(warp(row(2, 4, 8), constant([1, 1, 3], 0, 0.5)), [1, 4, 4]);
    close(warp(tf.ones<tf.Rank.R4>([1, 1, 1, 1]), constant([1, 1, 1], 0.5, 0.25)), [0.75]);
  });

  test(`${backend}: cleanly aligned, a zero flow changes nothing and half a pixel is the mean of two`, async () => {
    await chooseBackend(backend);
    const alignment = "clean";
    const map = values<tf.Rank.R4>([2, 3, 4, 5], "a");
    close(warp(map, constant([2, 3, 4], 0, 0), { alignment }), [...map.dataSync()]);
    close(warp(row(2, 4, 8), constant([1, 1, 3], 0.5, 0), { alignment }), [3, 6, 4]);
    close(warp(row(2, 4, 8), constant([1, 1, 3], 1, 0), { sign: -1, alignment }), [0, 2, 4]);
    for (const sign of [1, -1] as const) {
      const inputs = [values([2, 3, 2, 3], "a"), calmFlow([2, 3, 2], 2, sign, true)];
      checkGradient((a, flow) => warp(a as Frames, flow as Frames, { sign, alignment }), inputs);
    }
  });

  test(`${backend}: by hand: u goes across, v down, the sign turns both`, async () => {
    await chooseBackend(backend);
    const map = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
    // Twice the place less 1/2: pixel (0, 0) at (0.25, 0.75) reads the places (0, 1), row 1, column 0.
    assert.equal(warp(map, constant([1, 2, 2], 0.25, 0.75)).dataSync()[0], 3);
    assert.equal(warp(map, constant([1, 2, 2], 0.75, 0.25)).dataSync()[0], 2);
    assert.equal(warp(map, constant([1, 2, 2], -0.25, -0.75), { sign: -1 }).dataSync()[0], 3);
    assert.equal(warp(map, constant([1, 2, 2], 0.25, 0.75), { sign: -1 }).dataSync()[3], 2);
  });

  test(`${backend}: links stand one after another, each with all channels`, async () => {
    await chooseBackend(backend);
    const a = values<tf.Rank.R4>([2, 3, 4, 3], "a");
    const flow = tf.mul(values<tf.Rank.R4>([2, 3, 4, 6], "flow"), 2) as Frames;
    const joined = warp(a, flow);
    assert.deepEqual(joined.shape, [2, 3, 4, 9]);
    for (let link = 0; link < 3; link++) {
      const one = warp(a, tf.slice(flow, [0, 0, 0, 2 * link], [-1, -1, -1, 2]) as Frames);
      assert.ok(distance(tf.slice(joined, [0, 0, 0, 3 * link], [-1, -1, -1, 3]), one) < 1e-6);
    }
  });

  test(`${backend}: gradients equal finite differences`, async () => {
    await chooseBackend(backend);
    const cases: [shape: [number, number, number, number], links: number, sign: 1 | -1][] = [
      [[1, 1, 1, 1], 1, 1],
      [[2, 1, 4, 3], 1, -1],
      [[1, 3, 2, 2], 2, 1],
      [[5, 2, 1, 1], 1, -1],
    ];
    if (backend === "onednn") cases.push([[1, 2, 3, 17], 2, -1], [[2, 2, 2, 32], 1, 1], [[1, 3, 1, 48], 2, 1]);
    for (const [shape, links, sign] of cases) {
      const inputs = [values<tf.Rank.R4>(shape, "a"), calmFlow(shape, links, sign)];
      checkGradient((a, flow) => warp(a as Frames, flow as Frames, { sign }), inputs);
    }
  });

  test(`${backend}: far outside is 0 without gradient, NaN stays at its pixel, nothing crashes`, async () => {
    await chooseBackend(backend);
    const far = [3e38, -3e38, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 40, 5, -5];
    const flow = tf.tensor4d(
      far.flatMap((x) => [x, x]),
      [1, 3, 3, 2],
    );
    const a = values<tf.Rank.R4>([1, 3, 3, 2]);
    assert.ok(
      warp(a, flow)
        .dataSync()
        .every((x) => x === 0),
    );
    const gradients = tf.grads((x, y) => tf.sum(warp(x as Frames, y as Frames)))([a, flow]);
    for (const gradient of gradients) assert.ok(gradient.dataSync().every((x) => x === 0));
    const broken = tf.tensor4d([NaN, 0, 0, NaN, 0, 0, 0, 0], [1, 2, 2, 2]);
    const read = warp(tf.ones<tf.Rank.R4>([1, 2, 2, 1]), broken).dataSync();
    assert.deepEqual([...read].map(Number.isNaN), [true, true, false, false]);
    const [da] = tf.grads((x, y) => tf.sum(warp(x as Frames, y as Frames)))([tf.ones([1, 2, 2, 1]), broken]);
    assert.ok(da.dataSync().every((x) => !Number.isNaN(x)));
  });

  test(`${backend}: no tensor is left behind`, async () => {
    await chooseBackend(backend);
    const [a, flow] = [values<tf.Rank.R4>([1, 2, 2, 8]), values<tf.Rank.R4>([1, 2, 2, 4])];
    const before = tf.memory();
    const read = warp(a, flow);
    assert.equal(tf.memory().numTensors, before.numTensors + 1);
    read.dispose();
    tf.dispose(tf.grads((x, y) => tf.sum(warp(x as Frames, y as Frames)))([a, flow]));
    assert.equal(tf.memory().numTensors, before.numTensors);
    assert.equal(tf.memory().numDataBuffers, before.numDataBuffers);
  });
}

test("only the engine has a fused kernel, and the plain version runs on it too", async (t) => {
  if (!backends.includes("onednn")) return t.skip("the engine is not built");
  await chooseBackend("onednn");
  assert.ok(tf.getKernel(WARP, "onednn"));
  assert.equal(tf.getKernel(WARP, "wasm"), undefined);
  const [a, flow] = [values<tf.Rank.R4>([2, 5, 4, 20], "a"), values<tf.Rank.R4>([2, 5, 4, 6], "flow")];
  assert.ok(distance(warp(a, flow, { sign: -1 }), warpPlain(a, flow, { sign: -1 })) < 1e-6);
});

test("a flow that does not fit is refused", async () => {
  await chooseBackend("cpu");
  const a = tf.zeros<tf.Rank.R4>([1, 4, 3, 2]);
  for (const shape of [
    [1, 4, 3, 3],
    [1, 3, 4, 2],
    [2, 4, 3, 2],
  ] as const) {
    assert.throws(() => warp(a, tf.zeros([...shape])), /warp: expected flow of shape \[1,4,3,2 links\], got/);
  }
});
