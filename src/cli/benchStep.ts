import { cpus } from "node:os";
import { chooseBackend } from "../backend/choose";
import { threads } from "../backend/threads";
import { complaint } from "../bench/others";
import type { Profile } from "../bench/profile";
import { describePytorch, startPytorch } from "../bench/pytorch";
import {
  type Cost,
  type Deviation,
  benchStep as measure,
  peerVariants,
  type StepMeasurement,
} from "../bench/stepBench";
import { reportModel } from "../model";
import { modelNames } from "../models";
import { experiment } from "../profiles";
import { drawnFrame, modelFor } from "../recipe";
import { markdownTable } from "../report/markdownTable";
import type { Experiment } from "../settings";
import { UsageError, UserError } from "../types";
import { peerOf } from "./benchPeer";
import { profileTables } from "./benchProfile";
import { defined, megabytes, namesOf, seconds, workloads } from "./benchSettings";
import { common, type Outcome, parse, remark, textOf, wholeOf } from "./command";

const options = {
  ...common,
  workload: { type: "string" },
  model: { type: "string" },
  batch: { type: "string" },
  steps: { type: "string" },
  filters: { type: "string" },
  size: { type: "string" },
  context: { type: "string" },
  horizon: { type: "string" },
  precision: { type: "string" },
  eager: { type: "boolean" },
  rematerialize: { type: "boolean" },
  peer: { type: "string" },
  variants: { type: "string" },
  busy: { type: "boolean" },
  profile: { type: "boolean" },
} as const;

export const stepUsage =
  "step [--workload small|paper|all] [--model NAME,NAME|all] [--peer pytorch [--variants f32|joined|bf16,…|all]] [--busy] [--profile] [--batch N] [--filters N] " +
  "[--size N] [--context N] [--horizon N] [--eager | --rematerialize] [--precision f32|bf16] [--steps 7] [--backend NAME] [--json]";

interface StepResult {
  readonly workload: string;
  readonly model: string;
  readonly batch: number;
  readonly filters: number;
  readonly backend: string;
  readonly processor: string;
  readonly threads: number;
  readonly otherCores?: number;
  readonly ours: StepMeasurement["ours"];
  readonly peers?: StepMeasurement["peers"];
  /** The peer's seconds by ours: above 1 we are faster. */
  readonly ratio?: number;
  /** Our peak memory by the peer's: below 1 we need less. */
  readonly memoryRatio?: number;
  readonly gflops: number;
  readonly profile?: Profile;
  readonly deviation?: Deviation;
}

/** `bench step`: whole training steps. */
export async function benchStep(args: string[]): Promise<Outcome> {
  const { values } = parse(args, options);
  const peer = peerOf(values);
  const steps = wholeOf(values, "steps", 1) ?? 7;
  const asked = textOf(values, "variants");
  if (asked !== undefined && !peer)
    throw new UsageError("--variants are the peer's: expected --peer pytorch beside it");
  const variants = namesOf(asked ?? "all", peerVariants, "variant");
  const busy = values.busy === true;
  const given = {
    batch: wholeOf(values, "batch", 1),
    filters: wholeOf(values, "filters", 1),
    size: wholeOf(values, "size", 1),
    context: wholeOf(values, "context", 1),
    horizon: wholeOf(values, "horizon", 1),
    precision: textOf(values, "precision") as Experiment["precision"],
  };
  const [eager, rematerialize] = [values.eager === true, values.rematerialize === true];
  if (eager && (rematerialize || values.profile)) throw new UsageError("--eager steps are not recorded");
  // What the experiment says of recording is its precision.
  const training = {
    compile: eager
      ? (false as const)
      : { rematerialize: rematerialize && ("step" as const), precision: given.precision },
  };
  const models = textOf(values, "model");
  const jobs = namesOf(textOf(values, "workload") ?? "small", Object.keys(workloads), "workload").flatMap(
    (workload) => {
      const { profile, batch } = workloads[workload];
      const named = namesOf(models ?? experiment(profile).model, modelNames(), "model");
      return named.map((model) => {
        const settings = experiment(profile, { batch, ...defined(given), model });
        return { workload, settings, network: modelFor(settings, drawnFrame(settings)) };
      });
    },
  );
  const { name: backend, line } = await chooseBackend(textOf(values, "backend"));
  remark(line);
  const profile = values.profile === true;
  for (const [option, wanted] of Object.entries({ profile, rematerialize })) {
    if (wanted && backend !== "onednn")
      throw new UserError(`--${option}: steps are recorded on onednn, not on ${backend}`);
  }
  const known = peer && (await knownModels(models === "all", jobs));
  const results: StepResult[] = [];
  for (const { workload, settings, network } of jobs) {
    const { model, batch, filters } = settings;
    if (known && !known.includes(model)) continue;
    remark(`${model}, ${workload}, batch ${batch}, ${filters} filters`);
    const peerThreads = peer && threads();
    const options = { settings, backend, steps, peerThreads, variants, busy, profile, training, tell: remark };
    const { ours, peers, otherCores, profile: profiled, deviation } = await measure(options);
    const noise = otherCores === undefined ? undefined : complaint(otherCores);
    if (noise) remark(noise);
    results.push({
      workload,
      model,
      batch,
      filters,
      backend,
      processor: cpus()[0].model,
      threads: threads(),
      otherCores,
      ours,
      ...(peers && {
        peers,
        ratio: peers.f32.seconds / ours.seconds,
        memoryRatio: ours.peakBytes / peers.f32.peakBytes,
      }),
      gflops: operationsOf(settings, reportModel(network).macsPerStep) / ours.seconds / 1e9,
      ...(profiled && { profile: profiled }),
      ...(deviation && { deviation }),
    });
  }
  const how = [eager && "operation by operation", rematerialize && "rematerialised", given.precision].filter(Boolean);
  console.log(
    `${[`${cpus()[0].model}, ${threads()} threads, ${backend}`, ...how].join(", ")}; median of ${steps} steps; memory: peak resident`,
  );
  console.log(stepTable(results));
  for (const result of results) if (result.profile) console.log(`\n${profileTables(result, result.profile)}`);
  for (const { workload, model, deviation } of results)
    if (deviation) console.log(`\n${told(workload, model, deviation)}`);
  return { json: { results } };
}

const told = (workload: string, model: string, { loss, gradient, weight }: Deviation) =>
  `${model}, ${workload}: a step in bf16 against the same in f32: loss ${loss.toExponential(1)} of it, gradients at most ` +
  `${(100 * gradient).toFixed(2)} % of a weight's largest (${weight})`;

/** Forward, input gradient and weight gradient are three products, a multiply-add is two operations. */
const operationsOf = ({ context, horizon, batch }: Experiment, macs: number) =>
  3 * 2 * macs * (context + horizon - 1) * batch;

/** Models that PyTorch is there for. Errors: PyTorch is not installed; a model that was asked for by name is missing. */
async function knownModels(all: boolean, jobs: readonly { settings: Experiment }[]): Promise<readonly string[]> {
  const pytorch = await startPytorch(threads());
  await pytorch.server.stop();
  remark(describePytorch(pytorch));
  const missing = jobs.map(({ settings }) => settings.model).find((model) => !pytorch.models.includes(model));
  if (missing && !all) throw new UserError(`the peer has no ${missing}; it has ${pytorch.models.join(", ")}`);
  return pytorch.models;
}

/** One row a workload and model, in Markdown. */
export function stepTable(results: readonly StepResult[]): string {
  const compared = results.some(({ peers }) => peers);
  const busy = results.some(({ ours }) => ours.busy);
  const joined = results.some(({ peers }) => peers?.joined);
  const bf16 = results.some(({ peers }) => peers?.bf16);
  const head = [
    ...["workload", "model", "batch", "filters", "ours", "GFLOP/s", "memory"],
    ...(busy ? ["beside a busy process"] : []),
    ...(compared ? ["PyTorch", "its memory", "ratio", "memory ratio"] : []),
    ...(joined ? ["joined", "ratio to that"] : []),
    ...(bf16 ? ["bf16"] : []),
    ...(compared && busy ? ["PyTorch beside a busy process"] : []),
  ];
  const slower = (side: { busy?: { ratio: number } } | undefined) =>
    side?.busy ? `${side.busy.ratio.toFixed(2)} x` : "";
  const cost = (side: Cost) => `${seconds(side.seconds)}, ${megabytes(side.peakBytes)}`;
  const rows = results.map(({ workload, model, batch, filters, ours, gflops, peers, ratio, memoryRatio }) => [
    ...[workload, model, String(batch), String(filters)],
    ...[seconds(ours.seconds), gflops.toFixed(1), megabytes(ours.peakBytes)],
    ...(busy ? [slower(ours)] : []),
    ...(peers
      ? [seconds(peers.f32.seconds), megabytes(peers.f32.peakBytes), ratio!.toFixed(2), memoryRatio!.toFixed(2)]
      : []),
    ...(peers?.joined ? [cost(peers.joined), (peers.joined.seconds / ours.seconds).toFixed(2)] : []),
    ...(peers?.bf16 ? [cost(peers.bf16)] : []),
    ...(compared && busy ? [slower(peers?.f32)] : []),
  ]);
  return markdownTable(head, rows);
}
