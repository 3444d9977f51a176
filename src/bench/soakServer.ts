import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../backend/choose";
import { clips } from "../datasets/dataset";
import { prepare } from "../prepare";
import type { Experiment } from "../settings";
import { constantRate } from "../train/schedule";
import { disposeState, startState, type TrainState, weightsOf } from "../train/state";
import { type TrainEvent, train } from "../train/trainer";
import { leaves } from "../tree";
import { pool } from "./ours";
import { serve } from "./serve";
import type { Cancelled, Held, SoakTask } from "./soakTask";
import { everySecond, repeated } from "./stepTask";

/** A long training as a process of its own, which is asked for steps, and between them for what it holds. */
type Events = AsyncGenerator<TrainEvent, void, void>;

/** Milliseconds between two looks at the event loop; a block is told as at most so much longer than it is. */
const LOOK = 5;
/** Milliseconds that a process rests before it says what it holds. */
const REST = 1000;

let events: Events;
let made = 0;
let longestBlockSeconds = 0;
/** Whether a step ran operation by operation though it should not. */
let fellBack = false;

async function start({ task }: { task: SoakTask }): Promise<object> {
  const { settings, backend, eager } = task;
  await chooseBackend(backend);
  const { model, dataset, options } = await prepare(settings);
  const { batch, seed } = settings;
  const batches = clips(dataset, "train", { batch, seed });
  events = train(model, batches, startState(model, seed), { ...options, compile: eager ? false : options.compile });
  return {};
}

/** Makes so many steps; the event loop is watched from the second one of all on. */
async function steps({ count }: { count: number }): Promise<object> {
  // One that was switched off would count the time until it is switched on again.
  const histogram = monitorEventLoopDelay({ resolution: LOOK });
  if (made > 0) histogram.enable();
  await pause(2 * LOOK);
  const started = performance.now();
  let loss = Number.NaN;
  for (let i = 0; i < count; i++) {
    const event = await nextOf(events, "step");
    made++;
    loss = (event as TrainEvent & { kind: "step" }).loss;
  }
  const seconds = (performance.now() - started) / 1000;
  await pause(2 * LOOK);
  histogram.disable();
  longestBlockSeconds = Math.max(longestBlockSeconds, histogram.max / 1e9);
  return { seconds, loss, fellBack, longestBlockSeconds };
}

/** What the process holds after a rest and without garbage, so that what grows is what is kept. */
async function held(): Promise<Held> {
  await pause(REST);
  if (!global.gc) throw new Error("expected a process started with --expose-gc");
  global.gc();
  await pause(REST);
  const { rss, heapTotal } = process.memoryUsage();
  return { step: made, residentBytes: rss, heapBytes: heapTotal, tensors: tf.memory().numTensors, pool: pool() };
}

/** Stops a replay of another training in its middle: of one that lasts so many seconds, which takes more clips on faster machines. */
async function cancel({ settings, seconds }: { settings: Experiment; seconds: number }): Promise<Cancelled> {
  const { model, dataset, options } = await prepare(settings);
  const { batch, context, seed, learningRate } = settings;
  const { value } = await clips(dataset, "train", { batch, seed }).next();
  const controller = new AbortController();
  const training = train(model, repeated(value!), startState(model, seed), {
    ...options,
    learningRate: constantRate(learningRate),
    sampling: everySecond(context),
    iterations: Infinity,
    signal: controller.signal,
  });
  await nextOf(training, "step");
  const started = performance.now();
  let event = await nextOf(training, "step");
  const replay = performance.now() - started;
  if (replay < 1000 * seconds) {
    await training.return();
    disposeState(event.state);
    return cancel({ settings: { ...settings, batch: 2 * batch }, seconds });
  }
  let before = await copyOf(event.state);
  let aborted = 0;
  setTimeout(() => {
    aborted = performance.now();
    controller.abort();
  }, replay / 2);
  for (;;) {
    event = await nextOf(training, "step", "stopped");
    const stopped = performance.now();
    const now = await copyOf(event.state);
    if (event.kind === "stopped") {
      disposeState(event.state);
      const same = now.every((values, i) => Buffer.compare(values, before[i]) === 0);
      return { batch, replaySeconds: replay / 1000, latencySeconds: (stopped - aborted) / 1000, same };
    }
    // Short replays may end before a timer has its turn.
    before = now;
  }
}

/** The bytes of all weights and moments. */
async function copyOf(state: TrainState): Promise<Buffer[]> {
  return Promise.all(
    leaves(weightsOf(state)).map(async ([, leaf]) => {
      const values = (await leaf.data()) as Float32Array;
      return Buffer.from(values.slice().buffer);
    }),
  );
}

async function nextOf(training: Events, ...kinds: TrainEvent["kind"][]): Promise<TrainEvent> {
  for (;;) {
    const { value } = await training.next();
    if (!value) throw new Error(`the training has ended, expected ${kinds.join(" or ")}`);
    if (value.kind === "note") fellBack = true;
    if (kinds.includes(value.kind)) return value;
  }
}

void serve({ start, steps, held, cancel, end: () => ({}) });
