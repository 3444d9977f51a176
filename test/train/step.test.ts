import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { compile } from "#src/compile";
import { loss } from "#src/loss";
import { model } from "#src/models";
import { prepare } from "#src/prepare";
import { experiment } from "#src/profiles";
import { teach } from "#src/rollout";
import { loadCheckpoint, saveCheckpoint } from "#src/train/checkpoint";
import { adam, adamW, sgd } from "#src/train/optimizer";
import { constantRate, oneCycle, warmedUp } from "#src/train/schedule";
import { startState, type TrainState, weightsOf } from "#src/train/state";
import { lossAndGradients, stepInputs, trainingStep } from "#src/train/step";
import { type TrainOptions, train } from "#src/train/trainer";
import { disposeTree, leaves } from "#src/tree";
import type { Clip, Tree } from "#src/types";
import { skip } from "../backend/onednn/forms";
import { batches, contents, network, noise, recipe, trained } from "./tiny";

const folder = mkdtempSync(join(tmpdir(), "step-"));
after(() => rmSync(folder, { recursive: true }));

const numbers = (tree: Tree) => leaves(tree).flatMap(([, leaf]) => [...leaf.dataSync()]);

/** One change of the recipe each. */
const changes: [name: string, change: Partial<TrainOptions>][] = [
  ["Adam's β1", { optimizer: adam({ beta1: 0.5 }) }],
  ["Adam's β2", { optimizer: adam({ beta2: 0.9 }) }],
  ["Adam's ε", { optimizer: adam({ epsilon: 0.1 }) }],
  ["Adam's weight decay", { optimizer: adam({ weightDecay: 0.1 }) }],
  ["AdamW", { optimizer: adamW() }],
  ["AdamW's weight decay", { optimizer: adamW({ weightDecay: 0.1 }) }],
  ["SGD", { optimizer: sgd() }],
  ["SGD's momentum", { optimizer: sgd({ momentum: 0.9 }) }],
  ["Nesterov", { optimizer: sgd({ momentum: 0.9, nesterov: true }) }],
  ["SGD's weight decay", { optimizer: sgd({ weightDecay: 0.1 }) }],
  ["clipping", { clipNorm: 0.01 }],
  ["an average", { averageDecay: 0.9 }],
  ["a shorter average", { averageDecay: 0.3 }],
  ["no squared errors", { loss: { mse: 0 } }],
  ["no absolute errors", { loss: { mae: 0 } }],
  ["the horizon alone", { loss: { after: 3 } }],
  ["one cycle", { learningRate: oneCycle({ max: 1e-2, iterations: 6 }) }],
  ["a warm-up", { learningRate: warmedUp(constantRate(1e-2), 4) }],
];

for (const backend of ["wasm", ...(skip ? [] : ["onednn"])]) {
  test(`${backend}: every option changes what is learnt, and a resumed run learns the same to the last bit`, async () => {
    await chooseBackend(backend);
    const found = new Map([["the base", contents((await trained()).state)]]);
    const path = join(folder, "part.safetensors");
    for (const [name, change] of changes) {
      const whole = await trained(change);
      assert.ok(
        whole.events.every(({ kind }) => kind !== "note"),
        `${name} is recorded`,
      );
      const expected = contents(whole.state);
      const part = await trained(change, undefined, ({ state }) => state.iteration === 3);
      await saveCheckpoint(path, network, part.state);
      const rest = await trained(change, loadCheckpoint(path, network, change.optimizer));
      assert.deepEqual(contents(rest.state), expected, name);
      for (const [other, values] of found) assert.notDeepEqual(values, expected, `${name} and ${other}`);
      found.set(name, expected);
    }
    assert.deepEqual(contents((await trained({ loss: { after: 1 }, optimizer: adam() })).state), found.get("the base"));
  });

  test(`${backend}: the average is the plain mean at first, then forgets; it does not change the training`, async () => {
    await chooseBackend(backend);
    const seen: number[][] = [];
    const averages: number[][] = [];
    const { state } = await trained({ averageDecay: 0.6 }, undefined, (event) => {
      if (event.kind === "step") {
        seen.push(numbers(event.state.params));
        averages.push(numbers(event.state.average!));
      }
      return false;
    });
    assert.deepEqual(numbers(state.params), numbers((await trained()).state.params));
    let expected = seen[0].map(() => 0);
    for (const [i, weights] of seen.entries()) {
      const kept = Math.min(0.6, i / (i + 1));
      expected = expected.map((mean, k) => kept * mean + (1 - kept) * weights[k]);
      for (const [k, mean] of expected.entries()) assert.ok(Math.abs(averages[i][k] - mean) < 1e-6, `step ${i + 1}`);
    }
    assert.notDeepEqual(averages[5], seen[5]);
  });

  test(`${backend}: the norm is told, and a clipped step of gradient descent is as long as it may be`, async () => {
    await chooseBackend(backend);
    const options = { optimizer: sgd(), learningRate: constantRate(1), clipNorm: 0.125, iterations: 1 };
    const first = startState(network, 1, options);
    const before = numbers(first.params);
    const inputs = stepInputs(noise(2, 0), 0, { ...recipe, ...options });
    const { gradients } = lossAndGradients(network, first.params, inputs.clip, inputs.mask);
    const norm = Math.hypot(...gradients.flatMap((gradient) => [...gradient.dataSync()]));
    const { events, state } = await trained(options, first);
    const [step] = events;
    assert.ok(step.kind === "step" && Math.abs(step.gradientNorm! / norm - 1) < 1e-5, `expected ${norm}`);
    const moved = Math.hypot(...numbers(state.params).map((value, i) => value - before[i]));
    assert.ok(norm > 1 && Math.abs(moved - 0.125) < 1e-5, `${moved}`);
    // A longer limit is none.
    const free = await trained({ ...options, clipNorm: 1e6 });
    assert.deepEqual(
      numbers(free.state.params),
      numbers((await trained({ ...options, clipNorm: undefined })).state.params),
    );
  });
}

test("all options together: recorded steps give the numbers of those operation by operation", { skip }, async () => {
  await chooseBackend("onednn");
  const options: TrainOptions = {
    ...recipe,
    optimizer: adamW({ weightDecay: 0.1 }),
    clipNorm: 0.1,
    averageDecay: 0.5,
    loss: { mse: 2, after: 2 },
  };
  const results = [];
  for (const eager of [false, true]) {
    const step = compile(trainingStep(network, options), { eager });
    let state: TrainState = startState(network, 1, options);
    for (let i = 0; i < 4; i++) {
      const inputs = stepInputs(noise(2, i), i, options);
      const result = (await step.run(weightsOf(state), inputs))!;
      state = { ...state, ...result.state };
      disposeTree(inputs);
    }
    assert.equal(step.program === undefined, eager);
    results.push(contents(state));
    step.dispose();
  }
  assert.deepEqual(results[0], results[1]);
});

test("a network with patches is trained on whole frames, by recorded steps too", { skip }, async () => {
  await chooseBackend("onednn");
  const patched = (patch: number) =>
    model("MS-ConvLSTM", { filters: 2, patch, frame: { height: 8, width: 8, channels: 1 } });
  const { data } = noise(8, "patched");
  const whole = async function* () {
    for (;;) yield { data: { data, shape: [2, 5, 8, 8, 1] as const }, ids: ["0", "1"] };
  };
  const losses: number[][] = [];
  for (const compile of [{}, false] as const) {
    const told: number[] = [];
    const network = patched(2);
    for await (const event of train(network, whole(), startState(network, 1), { ...recipe, compile })) {
      if (event.kind === "step") told.push(event.loss);
      else assert.equal(event.kind, "done");
    }
    losses.push(told);
  }
  assert.deepEqual(losses[0], losses[1]);
  assert.ok(losses[0][5] < losses[0][0], String(losses[0]));
});

test("the loss on the horizon is that of its frames", async () => {
  await chooseBackend("cpu");
  const params = network.init(1);
  const clip = tf.tensor5d(noise(2, 0).data, [2, 5, 4, 4, 1]) as Clip;
  const mask = tf.ones<tf.Rank.R2>([2, 3]);
  const all = teach(network, params, clip, mask);
  const { value } = lossAndGradients(network, params, clip, mask, { after: 3 });
  const horizon = loss(tf.slice(all, [0, 2]) as Clip, tf.slice(clip, [0, 3]) as Clip);
  assert.ok(Math.abs(value.dataSync()[0] - horizon.dataSync()[0]) < 1e-5);
  assert.throws(() => lossAndGradients(network, params, clip, mask, { after: 5 }), {
    name: "UserError",
    message: "the loss is taken after 5 frames, but clips have 5",
  });
});

test("the decoupling's weight changes what is learnt", async () => {
  await chooseBackend("wasm");
  const settings = experiment("quick", { model: "PredRNN-V2", filters: 2, size: 16, context: 2, horizon: 2 });
  const { model, dataset, options } = await prepare(settings);
  const data = await dataset.sequences("train", [0]);
  const one = async function* () {
    yield { data, ids: ["0"] };
  };
  const weights = [];
  for (const decouple of [0, 0.01, 10]) {
    const events = train(model, one(), startState(model, 1), { ...options, iterations: 1, loss: { decouple } });
    weights.push(numbers((await events.next()).value!.state.params));
  }
  assert.notDeepEqual(weights[0], weights[1]);
  assert.notDeepEqual(weights[1], weights[2]);
});

test("a norm that is not finite stops the run", async () => {
  await chooseBackend("wasm");
  const { data, shape } = noise(2, 0);
  const bright = async function* () {
    yield { data: { data: data.map((value) => 2e18 * value), shape }, ids: ["bright"] };
  };
  const state = startState(network, 1);
  const events = train(network, bright(), state, { ...recipe, clipNorm: 1 });
  await assert.rejects(events.next(), {
    message: /^norm of the gradients is Infinity at iteration 1, .*; clips: bright$/,
  });
  assert.ok(numbers(state.params).every(Number.isFinite));
});

test("a state of other options is a wrong call", async () => {
  await chooseBackend("cpu");
  const refuse = (made: Parameters<typeof startState>[2], used: Partial<TrainOptions>, message: string) =>
    assert.rejects(train(network, batches(), startState(network, 1, made), { ...recipe, ...used }).next(), {
      name: "UsageError",
      message,
    });
  const sgdState = { optimizer: sgd() };
  await refuse(sgdState, {}, "the state is of sgd with no slots, expected one of adam with first, second");
  await refuse(
    {},
    { optimizer: adamW() },
    "the state is of adam with first, second, expected one of adamW with first, second",
  );
  await refuse(
    sgdState,
    { optimizer: sgd({ momentum: 0.5 }) },
    "the state is of sgd with no slots, expected one of sgd with momentum",
  );
  await refuse({}, { averageDecay: 0.5 }, "the state has no averaged weights, averageDecay is 0.5");
  await refuse({ averageDecay: 0.5 }, {}, "the state has averaged weights, averageDecay is undefined");
});

test("live tensors after many steps with all options are as many as after a few", async () => {
  await chooseBackend("wasm");
  const counts: number[] = [];
  await trained(
    { iterations: 12, optimizer: sgd({ momentum: 0.9 }), clipNorm: 1, averageDecay: 0.9 },
    undefined,
    () => {
      counts.push(tf.memory().numTensors);
      return false;
    },
  );
  assert.equal(counts[11], counts[2]);
});
