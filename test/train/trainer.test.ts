import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { clips } from "#src/datasets/dataset";
import { prepare } from "#src/prepare";
import { experiment } from "#src/profiles";
import type { Experiment } from "#src/settings";
import { loadCheckpoint, saveCheckpoint } from "#src/train/checkpoint";
import { forecastParams, startState, type TrainState } from "#src/train/state";
import { type TrainEvent, train } from "#src/train/trainer";
import { leaves } from "#src/tree";
import { skip } from "../backend/onednn/forms";

const folder = mkdtempSync(join(tmpdir(), "trainer-"));
after(() => rmSync(folder, { recursive: true }));

const tiny = (changes: Partial<Experiment> = {}) =>
  experiment("quick", { filters: 2, size: 16, batch: 2, context: 3, horizon: 2, iterations: 6, ...changes });

/** Trains from `state` until `until` steps are done, and gives the state and the losses. */
async function run(settings: Experiment, from?: TrainState, until = settings.iterations, seed = settings.seed) {
  const { model, dataset, options } = await prepare(settings);
  let state = from ?? startState(model, settings.seed, options);
  const losses: number[] = [];
  const batches = clips(dataset, "train", { batch: settings.batch, seed, from: state.iteration });
  for await (const event of train(model, batches, state, options)) {
    state = event.state;
    if (event.kind === "step") losses.push(event.loss);
    if (state.iteration >= until) break;
  }
  return { model, state, losses };
}

const weights = ({ params }: TrainState) => leaves(params).flatMap(([, leaf]) => [...leaf.dataSync()]);

const backends = ["wasm", ...(skip ? [] : ["onednn"])];

for (const backend of backends)
  test(`${backend}: a run stopped, saved, loaded and continued equals an unbroken one to the last bit`, async () => {
    await chooseBackend(backend);
    const settings = tiny();
    const whole = await run(settings);
    const part = await run(settings, undefined, 3);
    assert.equal(part.state.iteration, 3);
    const path = join(folder, "3.safetensors");
    await saveCheckpoint(path, part.model, part.state, settings);
    const rest = await run(settings, loadCheckpoint(path, part.model));
    assert.deepEqual([...part.losses, ...rest.losses], whole.losses);
    assert.deepEqual(weights(rest.state), weights(whole.state));
  });

test("every setting of the recipe changes what is learnt", async () => {
  await chooseBackend("wasm");
  const learnt = async (changes: Partial<Experiment>) => {
    const { state } = await run(tiny({ iterations: 3, horizon: 5, ...changes }));
    return JSON.stringify(leaves(forecastParams(state)).map(([, leaf]) => [...leaf.dataSync()]));
  };
  const changes: Partial<Experiment>[] = [
    ...[
      { filters: 3 },
      { kernelSize: 5 },
      { patch: 2 },
      { variant: "paper", size: 32 },
      { context: 4 },
      { horizon: 3 },
    ],
    ...[{ batch: 3 }, { iterations: 4 }, { seed: 2 }, { learningRate: 1e-3 }, { warmUp: 2 }, { beta1: 0.5 }],
    ...[{ beta2: 0.5 }, { epsilon: 0.1 }, { weightDecay: 0.1 }, { clipNorm: 0.1 }, { averageDecay: 0.9 }],
    ...([{ schedule: "constant" }, { schedule: "one-cycle" }] as const),
    ...([
      { optimizer: "adamW" },
      { optimizer: "sgd" },
      { optimizer: "sgd", momentum: 0.9 },
      { optimizer: "sgd", momentum: 0.9, nesterov: true },
    ] as const),
    ...([{ loss: { mse: 1, mae: 1 } }, { lossOn: "horizon" }] as const),
    ...([{ samplingPart: 0.01 }, { sampling: "reverse" }, { sampling: "none" }] as const),
  ];
  const results = new Map([["{}", await learnt({})]]);
  for (const change of changes) results.set(JSON.stringify(change), await learnt(change));
  assert.equal(results.size, changes.length + 1);
  for (const [change, result] of results) {
    const same = [...results].filter(([, other]) => other === result).map(([name]) => name);
    assert.deepEqual(same, [change]);
  }
  assert.equal(await learnt({}), results.get("{}"));
});

test("live tensors after 50 steps are as many as after 5", async () => {
  await chooseBackend("wasm");
  const settings = tiny({ iterations: 50 });
  const { model, dataset, options } = await prepare(settings);
  const counts: number[] = [];
  const bytes: number[] = [];
  for await (const event of train(model, clips(dataset, "train", { batch: 2 }), startState(model, 1), options)) {
    if (event.kind !== "step") continue;
    counts.push(tf.memory().numTensors);
    bytes.push(tf.memory().numBytes);
  }
  assert.equal(counts[49], counts[4]);
  assert.equal(bytes[49], bytes[4]);
});

test("it learns: ten times the same clip", async () => {
  await chooseBackend("wasm");
  const settings = tiny({ iterations: 40, learningRate: 1e-2 });
  const { model, dataset, options } = await prepare(settings);
  const data = await dataset.sequences("train", [0, 1]);
  const same = async function* () {
    for (;;) yield { data, ids: ["0", "1"] };
  };
  const losses: number[] = [];
  for await (const event of train(model, same(), startState(model, 1), options)) {
    if (event.kind === "step") losses.push(event.loss);
  }
  assert.ok(losses[39] < 0.7 * losses[0], `${losses[0]} -> ${losses[39]}`);
});

test("Adam's first step moves a weight by the learning rate; each iteration has its own sampling numbers", async () => {
  await chooseBackend("wasm");
  const { model, dataset, options } = await prepare(tiny({ iterations: 3, schedule: "constant", learningRate: 1e-3 }));
  const draws: number[] = [];
  const sampling: typeof options.sampling = (iteration, batch, time, random) => {
    draws.push(random());
    return options.sampling(iteration, batch, time, random);
  };
  const before = startState(model, 1);
  const start = weights(before);
  for await (const event of train(model, clips(dataset, "train", { batch: 2 }), before, { ...options, sampling })) {
    if (event.kind !== "step" || event.iteration > 1) continue;
    const moved = weights(event.state).reduce((most, value, i) => Math.max(most, Math.abs(value - start[i])), 0);
    assert.ok(Math.abs(moved - 1e-3) < 1e-6, `${moved}`);
  }
  assert.equal(new Set(draws).size, 3);
});

test("events: one a step, counted from 1, then done; rates and speeds are told", async () => {
  await chooseBackend("wasm");
  const settings = tiny({ iterations: 3 });
  const { model, dataset, options } = await prepare(settings);
  const events: TrainEvent[] = [];
  for await (const event of train(model, clips(dataset, "train", { batch: 2 }), startState(model, 1), options)) {
    events.push(event);
  }
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["step", "step", "step", "done"],
  );
  const steps = events.flatMap((event) => (event.kind === "step" ? [event] : []));
  assert.deepEqual(
    steps.map(({ iteration }) => iteration),
    [1, 2, 3],
  );
  assert.deepEqual(
    steps.map(({ learningRate }) => learningRate),
    [0, 1, 2].map(options.learningRate),
  );
  assert.ok(steps.every(({ framesPerSecond }) => framesPerSecond > 0));
  // Nothing is left to do, so nothing is read.
  const done = { ...steps[2].state };
  const again = train(model, clips(dataset, "train", { batch: 2 }), done, options);
  assert.equal((await again.next()).value?.kind, "done");
});

test("a loss that is not finite stops the run, names the clips, and leaves the state as it was", async () => {
  await chooseBackend("wasm");
  const settings = tiny();
  const { model, dataset, options } = await prepare(settings);
  const good = await dataset.sequences("train", [0, 1]);
  for (const [value, told] of [
    [Number.NaN, "NaN"],
    [1e30, "Infinity"],
  ] as const) {
    const bad = { ...good, data: good.data.map((given, i) => (i === good.data.length - 1 ? value : given)) };
    const batches = async function* () {
      yield { data: good, ids: ["one", "two"] };
      yield { data: bad, ids: ["three", "four"] };
    };
    let last = startState(model, 1);
    const consume = async () => {
      for await (const event of train(model, batches(), last, options)) last = event.state;
    };
    await assert.rejects(consume(), {
      name: "UserError",
      message: new RegExp(`^loss is ${told} at iteration 2, expected .*finite.*; clips: three, four$`),
    });
    assert.equal(last.iteration, 1);
    assert.ok(weights(last).every(Number.isFinite));
  }
});

test("an update that breaks the weights is noticed at once, though the loss was finite", async () => {
  await chooseBackend("wasm");
  const { model, dataset, options } = await prepare(tiny({ learningRate: 1e38 }));
  const first = startState(model, 1);
  const events = train(model, clips(dataset, "train", { batch: 2 }), first, options);
  await assert.rejects(events.next(), {
    name: "UserError",
    message: /^weights are no longer finite after iteration 1, .*; clips: /,
  });
  assert.ok(weights(first).every(Number.isFinite));
});

for (const backend of backends) {
  test(`${backend}: a signal stops the training; the state is that of the last complete step`, async () => {
    await chooseBackend(backend);
    const { model, dataset, options } = await prepare(tiny());
    const stopping = new AbortController();
    const events: TrainEvent[] = [];
    let before: number[] = [];
    const batches = clips(dataset, "train", { batch: 2 });
    for await (const event of train(model, batches, startState(model, 1), { ...options, signal: stopping.signal })) {
      events.push(event);
      if (event.kind !== "step" || event.iteration < 2) continue;
      before = weights(event.state);
      // In the middle of the next step, where steps have one.
      setImmediate(() => setImmediate(() => stopping.abort()));
      if (event.iteration > 2) before = weights(event.state);
    }
    const last = events.at(-1)!;
    assert.equal(last.kind, "stopped");
    assert.ok(last.state.iteration >= 2 && last.state.iteration < 6);
    assert.deepEqual(weights(last.state), before);
    assert.equal(events.filter(({ kind }) => kind === "step").length, last.state.iteration);
  });
}

test("steps are recorded where that can be, unless one does not want it; both give the same", { skip }, async () => {
  await chooseBackend("onednn");
  const { model, dataset, options } = await prepare(tiny());
  const results = [];
  for (const compile of [{}, false] as const) {
    // A recording is the engine's way to tell.
    const engine = tf.backend() as unknown as { native: { recordBegin(): void } };
    const begin = engine.native.recordBegin;
    let recordings = 0;
    engine.native.recordBegin = () => {
      recordings++;
      begin();
    };
    try {
      let state = startState(model, 1);
      for await (const event of train(model, clips(dataset, "train", { batch: 2 }), state, { ...options, compile })) {
        state = event.state;
      }
      results.push(weights(state));
    } finally {
      engine.native.recordBegin = begin;
    }
    assert.equal(recordings, compile ? 2 : 0);
  }
  assert.deepEqual(results[0], results[1]);
});

test("data that end too early are an error", async () => {
  await chooseBackend("wasm");
  const { model, dataset, options } = await prepare(tiny());
  const two = clips(dataset, "train", { batch: 2, take: 4, epochs: 1 });
  const consume = async () => {
    for await (const _ of train(model, two, startState(model, 1), options));
  };
  await assert.rejects(consume(), { message: "the data ended after 2 batches, expected 6 iterations" });
});
