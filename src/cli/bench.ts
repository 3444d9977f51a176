import { cpus } from "node:os";
import { chooseBackend } from "../backend/choose";
import { clips } from "../datasets/dataset";
import { reportModel } from "../model";
import { experiment, prepare } from "../profiles";
import { disposeState, startState, train } from "../train/trainer";
import { UsageError } from "../types";
import { type Command, common, parse, remark, textOf, wholeOf } from "./command";

/** The workloads of the benchmarks: a profile each. */
const workloads: Record<string, { profile: string; batch: number }> = {
  small: { profile: "small", batch: 8 },
  paper: { profile: "paper", batch: 1 },
};

const options = {
  ...common,
  workload: { type: "string" },
  model: { type: "string" },
  batch: { type: "string" },
  steps: { type: "string" },
  filters: { type: "string" },
} as const;

export const bench: Command = {
  summary: "time whole training steps",
  usage: "step [--workload small|paper] [--model NAME] [--batch N] [--filters N] [--steps 7] [--backend NAME] [--json]",
  async run([what, ...rest]) {
    if (what !== "step") throw new UsageError(`bench ${what ?? ""}: expected step`);
    const { values } = parse(rest, options);
    const workload = textOf(values, "workload") ?? "small";
    if (!Object.hasOwn(workloads, workload)) {
      throw new UsageError(`unknown workload: ${workload}; expected one of ${Object.keys(workloads).join(", ")}`);
    }
    const { profile, batch: usual } = workloads[workload];
    const batch = wholeOf(values, "batch", 1) ?? usual;
    const steps = wholeOf(values, "steps", 1) ?? 7;
    const { name: backend, line } = await chooseBackend(textOf(values, "backend"));
    remark(line);
    const warmUp = 1;
    const settings = experiment(profile, {
      batch,
      iterations: steps + warmUp,
      filters: wholeOf(values, "filters", 1),
      model: textOf(values, "model"),
    });
    const { model, dataset, options: recipe } = prepare(settings);
    const seconds: number[] = [];
    let last = performance.now();
    let state = startState(model, settings.seed);
    for await (const event of train(model, clips(dataset, "train", { batch, seed: 1 }), state, recipe)) {
      state = event.state;
      if (event.kind !== "step") continue;
      const now = performance.now();
      if (event.iteration > warmUp) {
        seconds.push((now - last) / 1000);
        remark(`step ${event.iteration - warmUp} of ${steps}: ${seconds[seconds.length - 1].toFixed(3)} s`);
      }
      last = now;
    }
    disposeState(state);
    const sorted = [...seconds].sort((a, b) => a - b);
    const median = (sorted[Math.floor((steps - 1) / 2)] + sorted[Math.floor(steps / 2)]) / 2;
    // Forward, input gradient and weight gradient are three products, a multiply-add is two operations.
    const flop = 3 * 2 * reportModel(model).macsPerStep * (settings.context + settings.horizon - 1) * batch;
    const result = {
      workload,
      model: model.name,
      batch,
      filters: settings.filters,
      backend,
      processor: cpus()[0].model,
      ours: { seconds: median, peakBytes: process.resourceUsage().maxRSS * 1024 },
      gflops: flop / median / 1e9,
    };
    console.log(
      `${model.name}, ${workload}, batch ${batch}, ${settings.filters} filters, ${backend}: median of ${steps} steps ` +
        `${median.toFixed(3)} s, ${result.gflops.toFixed(1)} GFLOP/s, peak ${(result.ours.peakBytes / 1e6).toFixed(0)} MB`,
    );
    return { json: { results: [result] } };
  },
};
