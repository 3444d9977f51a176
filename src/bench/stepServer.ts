import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../backend/choose";
import type { Precision } from "../backend/onednn/backend";
import { compile } from "../compile";
import type { Model } from "../model";
import { trainOptions } from "../recipe";
import { constantRate } from "../train/schedule";
import { startState, type TrainState, weightsOf } from "../train/state";
import { stepInputs, trainingStep } from "../train/step";
import { type TrainEvent, type TrainOptions, train } from "../train/trainer";
import { disposeTree, leaves, mapTree } from "../tree";
import { type Profile, summarize } from "./profile";
import { serve } from "./serve";
import type { Deviation } from "./stepBench";
import { everySecond, modelOf, readClip, repeated, type StepTask } from "./stepTask";

/**
 * Our side of `bench step` as a process of its own, so that its peak memory is that of training alone. It speaks the protocol
 * of bench/peer/peer.py: start, step, end; and profile, deviation.
 */
let training: Training | undefined;

interface Training {
  readonly task: StepTask;
  readonly model: Model;
  readonly options: TrainOptions;
  readonly events: AsyncGenerator<TrainEvent, void, void>;
  /** Of the last step. */
  state: TrainState;
}

/** Begins a training with the weights and the clip that the peer reads too. */
async function start({ task }: { task: StepTask }): Promise<object> {
  const { settings, backend, folder } = task;
  await chooseBackend(backend);
  const model = modelOf(task);
  const { context, learningRate, seed } = settings;
  const options: TrainOptions = {
    ...trainOptions(settings),
    ...task.training,
    learningRate: constantRate(learningRate),
    sampling: everySecond(context),
    iterations: Infinity,
  };
  const state = startState(model, seed);
  training = { task, model, options, events: train(model, repeated(readClip(folder)), state, options), state };
  return {};
}

async function step(): Promise<object> {
  const started = performance.now();
  for (;;) {
    const { value } = await training!.events.next();
    const seconds = (performance.now() - started) / 1000;
    const { kind, state } = value as TrainEvent;
    training!.state = state;
    if (kind === "step") return { seconds, loss: (value as TrainEvent & { kind: "step" }).loss };
  }
}

/** Records the step once more, which changes nothing for the trainer, and adds up a replay by kind of work. */
async function profile(): Promise<Profile> {
  const { task, model, options, state } = training!;
  const { data } = readClip(task.folder);
  const inputs = stepInputs(data, state.iteration, options);
  const step = compile(trainingStep(model, options), options.compile === false ? { eager: true } : options.compile);
  try {
    // The first replay of a program prepares and warms what the second one finds.
    await step.profile(weightsOf(state), inputs);
    return summarize(await step.profile(weightsOf(state), inputs));
  } finally {
    step.dispose();
    disposeTree(inputs);
  }
}

/** Loss and gradients of one more step, from the present weights. */
async function gradientsIn(precision: Precision) {
  const { task, model, options, state } = training!;
  const step = compile(trainingStep(model, options), { precision });
  const inputs = stepInputs(readClip(task.folder).data, state.iteration, options);
  const zeros = () => mapTree(state.params, (weight) => tf.zerosLike(weight));
  const slots = { first: zeros(), second: zeros() };
  try {
    // Adam's first moments after one step from zero are the gradients but for a factor.
    const result = (await step.run({ params: state.params, slots }, inputs))!;
    const gradients = leaves(result.state.slots.first).map(
      ([name, leaf]) => [name, leaf.dataSync() as Float32Array] as const,
    );
    const loss = result.outputs.told.dataSync()[0];
    disposeTree(result);
    return { loss, gradients };
  } finally {
    disposeTree({ slots, inputs });
    step.dispose();
  }
}

/** How far one more step in bfloat16 is from that in float32. */
async function deviation(): Promise<Deviation> {
  const exact = await gradientsIn("f32");
  const rounded = await gradientsIn("bf16");
  const gradients = exact.gradients.map(([weight, values], i) => {
    const others = rounded.gradients[i][1];
    const [largest, difference] = values.reduce(
      ([most, off], value, k) => [Math.max(most, Math.abs(value)), Math.max(off, Math.abs(value - others[k]))],
      [0, 0],
    );
    return { weight, difference: largest > 0 ? difference / largest : difference };
  });
  const worst = gradients.reduce((a, b) => (b.difference > a.difference ? b : a));
  return { loss: Math.abs(rounded.loss - exact.loss) / exact.loss, gradient: worst.difference, weight: worst.weight };
}

void serve({ start, step, profile, deviation, end: () => ({ peakBytes: process.resourceUsage().maxRSS * 1024 }) });
