import { cpus } from "node:os";
import { chooseBackend } from "../backend/choose";
import { threads } from "../backend/threads";
import { check, LIMITS, type SoakReport, soak } from "../bench/soakBench";
import { prepare } from "../prepare";
import { experiment } from "../profiles";
import { markdownTable } from "../report/markdownTable";
import type { Experiment } from "../settings";
import { defined, megabytes, milliseconds, workloads } from "./benchSettings";
import { common, type Outcome, parse, remark, textOf, wholeOf } from "./command";

const options = {
  ...common,
  steps: { type: "string" },
  eager: { type: "boolean" },
  model: { type: "string" },
  filters: { type: "string" },
  size: { type: "string" },
  batch: { type: "string" },
  context: { type: "string" },
  horizon: { type: "string" },
} as const;

export const soakUsage =
  "soak [--steps 10000] [--eager] [--model NAME] [--filters N] [--size N] [--batch N] [--context N] [--horizon N] " +
  "[--backend NAME] [--json]";

/** Of which 10,000 steps take minutes where each operation goes through JavaScript. */
const tiny = { filters: 4, size: 16, context: 2, horizon: 2, batch: 1 };

/** The paper's network on long clips, and how long a replay of it lasts at least. */
const long = { context: 50, horizon: 50, batch: 1 };
const LONG_SECONDS = 3;

/** `bench soak`: whether a long training keeps to its memory, leaves the event loop free and can be stopped. */
export async function benchSoak(args: string[]): Promise<Outcome> {
  const { values } = parse(args, options);
  const steps = wholeOf(values, "steps", 2) ?? 10_000;
  const eager = values.eager === true;
  const model = textOf(values, "model");
  const whole = ["filters", "size", "batch", "context", "horizon"] as const;
  const given = Object.fromEntries(whole.map((name) => [name, wholeOf(values, name, 1)]));
  const { profile, batch } = workloads.small;
  const overrides = { ...(eager ? tiny : { batch }), ...defined({ ...given, model }), iterations: steps };
  const settings = experiment(profile, overrides);
  const { dataset } = await prepare(settings);
  const { name: backend, line } = await chooseBackend(textOf(values, "backend"));
  remark(line);
  // What is wrong with the data shows before a process is started.
  await dataset.sequences("train", [0]);
  const cancel = experiment(workloads.paper.profile, { ...long, model: settings.model });
  const task = { settings, backend, eager, cancel, replaySeconds: LONG_SECONDS, tell: remark };
  return soakOutcome(settings, backend, await soak(task));
}

/** Prints a report and holds it to the limits: status 1 where one is not kept. */
export function soakOutcome(settings: Experiment, backend: string, report: SoakReport): Outcome {
  const { model, filters, size, batch, context, horizon, iterations } = settings;
  const checks = check(report);
  const kept = checks.every((one) => one.kept);
  const way = report.recorded ? "recorded and replayed" : "operation by operation";
  console.log(
    `${cpus()[0].model}, ${threads()} threads, ${backend}; ${model}, ${filters} filters, ${size} x ${size}, ` +
      `${context} + ${horizon} frames, batch ${batch}; ${iterations} steps, ${way}, ` +
      `${report.stepsPerSecond.toPrecision(3)} a second`,
  );
  console.log(soakTable(report));
  const what = { model, filters, size, batch, context, horizon, steps: iterations };
  const where = { backend, processor: cpus()[0].model, threads: threads() };
  const growthBytes = report.end.residentBytes - report.early.residentBytes;
  return { json: { ...what, ...where, ...report, growthBytes, checks, kept }, status: kept ? 0 : 1 };
}

/** One row a thing that was looked at, in Markdown. */
export function soakTable(report: SoakReport): string {
  const { early, end, longestBlockSeconds, cancelled } = report;
  const checks = new Map(check(report).map(({ name, kept }) => [name, kept ? "kept" : "NOT KEPT"]));
  const mega = (bytes: number) => megabytes(bytes, 1);
  const growth = end.residentBytes - early.residentBytes;
  const pools = early.pool && end.pool ? [early.pool, end.pool] : undefined;
  const row = (name: string, what: string, before: string, after: string, limit: string) => {
    const verdict = checks.get(name);
    return [what, before, after, verdict ? limit : "", verdict ?? ""];
  };
  const rows = [
    row("", "resident memory", mega(early.residentBytes), mega(end.residentBytes), ""),
    row("", "JavaScript's heap of it", mega(early.heapBytes), mega(end.heapBytes), ""),
    row("memory", "growth", "", mega(growth), mega(LIMITS.growthBytes)),
    row("tensors", "live tensors", String(early.tensors), String(end.tensors), "the same"),
    ...(pools
      ? [
          row("pool", "pool, in use", ...pair(pools, (one) => mega(one.usedBytes)), "the same"),
          row("", "pool, free", ...pair(pools, (one) => mega(one.freeBytes)), ""),
        ]
      : []),
    row("block", "longest block of the event loop", "", milliseconds(longestBlockSeconds), limitOf("blockSeconds")),
    ...(cancelled
      ? [
          row("", `a long replay, batch ${cancelled.batch}`, "", milliseconds(cancelled.replaySeconds), ""),
          row("cancel", "from signal to stop", "", milliseconds(cancelled.latencySeconds), limitOf("cancelSeconds")),
          row("weights", "weights after the stop", "", cancelled.same ? "as before" : "changed", "as before"),
        ]
      : []),
  ];
  return markdownTable(["", `step ${early.step}`, `step ${end.step}`, "limit", ""], rows);
}

const limitOf = (name: "blockSeconds" | "cancelSeconds") => milliseconds(LIMITS[name]);

const pair = <T>([before, after]: readonly T[], show: (one: T) => string): [string, string] => [
  show(before),
  show(after),
];
