import { resolve } from "node:path";
import { chooseBackend } from "../backend/choose";
import { clips } from "../datasets/dataset";
import { progress } from "../display/progress";
import { type Experiment, experiment, prepare, profileFor } from "../profiles";
import { createRun, latestState, openRun, type Run } from "../train/run";
import { startState, type TrainState, train as trainModel } from "../train/trainer";
import { UsageError } from "../types";
import { type Command, common, numberOf, parse, remark, textOf, wholeOf } from "./command";

const settings = {
  model: { type: "string" },
  digits: { type: "string" },
  size: { type: "string" },
  filters: { type: "string" },
  context: { type: "string" },
  horizon: { type: "string" },
  batch: { type: "string" },
  iterations: { type: "string" },
  "learning-rate": { type: "string" },
  seed: { type: "string" },
  precision: { type: "string" },
} as const;
const options = {
  ...common,
  ...settings,
  profile: { type: "string" },
  dataset: { type: "string" },
  "checkpoint-every": { type: "string" },
  out: { type: "string" },
  resume: { type: "string" },
} as const;

export const train: Command = {
  summary: "train a network into a new run folder, or continue one",
  usage:
    "--out DIR [--profile small|fallback|quick|paper] [--model NAME] [--dataset moving-mnist] [--digits PATH] [--size N] " +
    "[--filters N] [--precision f32|bf16] [--context N] [--horizon N] [--batch N] [--iterations N] [--learning-rate R] [--seed S] " +
    "[--checkpoint-every N] [--backend NAME] | --resume DIR",
  async run(args) {
    const { values } = parse(args, options);
    const resume = textOf(values, "resume");
    const out = textOf(values, "out");
    const every = wholeOf(values, "checkpoint-every", 1);
    if ((resume === undefined) === (out === undefined))
      throw new UsageError("train: expected either --out DIR or --resume DIR");
    const dataset = textOf(values, "dataset") ?? "moving-mnist";
    if (dataset !== "moving-mnist") throw new UsageError(`unknown data set: ${dataset}; expected moving-mnist`);
    if (resume !== undefined) {
      const extra = [...Object.keys(settings), "profile", "dataset"].find((name) => values[name] !== undefined);
      if (extra) throw new UsageError(`--${extra} cannot be changed when a run is continued`);
    }
    const { name, line } = await chooseBackend(textOf(values, "backend"));
    remark(line);
    let run: Run;
    let state: TrainState;
    let saved: string;
    if (resume !== undefined) {
      run = openRun(resume);
      ({ state, path: saved } = latestState(run));
      run.log({ kind: "resume", iteration: state.iteration, backend: name, time: new Date().toISOString() });
      remark(`continuing ${resume} after iteration ${state.iteration}`);
    } else {
      const overrides: Partial<Experiment> = {
        model: textOf(values, "model"),
        digits: textOf(values, "digits") && resolve(textOf(values, "digits")!),
        learningRate: numberOf(values, "learning-rate"),
        precision: textOf(values, "precision") as Experiment["precision"],
      };
      const whole = ["size", "filters", "context", "horizon", "batch", "iterations", "seed"] as const;
      const numbers = Object.fromEntries(whole.map((key) => [key, numberOf(values, key)]));
      const chosen = experiment(textOf(values, "profile") ?? profileFor(name), { ...overrides, ...numbers });
      const { model, dataset } = prepare(chosen);
      // Everything that can be wrong with the data shows before the folder is made.
      await dataset.sequences("train", [0]);
      run = createRun(out!, chosen, name);
      state = startState(model, chosen.seed);
      // At any moment there is something to continue from.
      saved = await run.checkpoint(model, state);
    }
    return finish(run, state, saved, every ?? Math.ceil(run.settings.iterations / 10));
  },
};

async function finish(run: Run, first: TrainState, newest: string, every: number) {
  const { settings } = run;
  const { model, dataset, options } = prepare(settings);
  const { batch, seed, iterations, context, horizon } = settings;
  const bar = progress(iterations, { framesPerStep: batch * (context + horizon - 1), start: first.iteration });
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  let state = first;
  let saved = newest;
  try {
    const batches = clips(dataset, "train", { batch, seed, from: first.iteration });
    for await (const event of trainModel(model, batches, first, { ...options, signal: stopping.signal })) {
      state = event.state;
      if (event.kind === "note") remark(event.text);
      if (event.kind === "stopped") saved = await run.checkpoint(model, state);
      if (event.kind !== "step") continue;
      const { iteration, loss, learningRate, framesPerSecond } = event;
      run.log({ kind: "step", iteration, loss, learningRate, framesPerSecond, time: new Date().toISOString() });
      bar.update(iteration, { loss });
      if (iteration % every === 0 || iteration === iterations) saved = await run.checkpoint(model, state);
    }
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
  // Asked to stop during the last step, it is done all the same.
  const stopped = stopping.signal.aborted && state.iteration < iterations;
  bar.done(stopped ? "stopped" : undefined);
  if (stopped) {
    remark(`stopped after iteration ${state.iteration}; continue with: ms-rnn train --resume ${run.folder}`);
    return {
      json: { run: run.folder, iteration: state.iteration, checkpoint: saved, stopped: true },
      status: 1 as const,
    };
  }
  console.log(`${run.folder}: ${state.iteration} iterations, weights in ${saved}`);
  return { json: { run: run.folder, iteration: state.iteration, checkpoint: saved } };
}
