import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { readLog } from "../train/runLog";
import { UserError } from "../types";

/** Seconds of all steps, and largest resident memory of the process. */
export interface Cost {
  readonly seconds: number;
  readonly peakBytes: number;
}

/** What a dry run said beside what then happened. */
export interface DryRunCheck {
  readonly model: string;
  readonly predicted: Cost;
  readonly real: Cost;
  /** Predicted by real. */
  readonly timeRatio: number;
  readonly memoryRatio: number;
  readonly kept: boolean;
}

/** By how much a prediction may be off, either way. */
export const LIMITS = { time: 0.35, memory: 0.2 } as const;

const isWithin = (ratio: number, limit: number) => Math.abs(ratio - 1) <= limit;

/**
 * Asks `train --dry-run` what a training costs and then trains, each in a process of its own.
 * @param args options of `train`, the same for both
 * @param folder where the run is made
 * Errors: those of `train`.
 */
export async function checkDryRun(model: string, args: readonly string[], folder: string): Promise<DryRunCheck> {
  const asked = await train(["--model", model, ...args, "--dry-run"]);
  const predicted = { seconds: numberIn(asked, "seconds"), peakBytes: numberIn(asked, "peakBytes") };
  const run = join(folder, model);
  await train(["--model", model, ...args, "--out", run]);
  const real = costOf(run);
  const [timeRatio, memoryRatio] = [predicted.seconds / real.seconds, predicted.peakBytes / real.peakBytes];
  const kept = isWithin(timeRatio, LIMITS.time) && isWithin(memoryRatio, LIMITS.memory);
  return { model, predicted, real, timeRatio, memoryRatio, kept };
}

/** The last line of `train --json`. */
async function train(args: readonly string[]): Promise<Record<string, unknown>> {
  const cli = resolve(__dirname, "..", "cli.js");
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...process.execArgv,
      cli,
      "train",
      ...args,
      "--json",
    ]);
    return JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new UserError(stderr?.trimEnd().split("\n").at(-1) ?? message);
  }
}

function numberIn(told: Record<string, unknown>, name: string): number {
  const value = told[name];
  if (typeof value === "number") return value;
  throw new UserError(`train --dry-run: expected a number ${name}, got ${JSON.stringify(told)}`);
}

/** From the log: the first step, which is recorded, counts as one of the others. */
function costOf(run: string): Cost {
  const log = readLog(run);
  const times = log.flatMap((event) => (event.kind === "step" ? [Date.parse(event.time)] : []));
  const ended = log.find((event) => event.kind === "done");
  const step = (times[times.length - 1] - times[0]) / (times.length - 1);
  return { seconds: (times.length * step) / 1000, peakBytes: ended?.peakBytes ?? Number.NaN };
}
