import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend } from "../backend/choose";
import { threads } from "../backend/threads";
import { checkDryRun, type DryRunCheck } from "../bench/dryRunBench";
import { modelNames } from "../models";
import { markdownTable } from "../report/markdownTable";
import { megabytes, namesOf, seconds } from "./benchSettings";
import { common, type Outcome, parse, remark, textOf, wholeOf } from "./command";

const options = {
  ...common,
  model: { type: "string" },
  iterations: { type: "string" },
  filters: { type: "string" },
} as const;

/** Two at one scale, two at several; two are slow. */
const USUAL = "MS-ConvLSTM,ConvLSTM,MS-PredRNN,TrajGRU";

export const dryRunUsage = `dry-run [--model ${USUAL}] [--iterations 60] [--filters 16] [--backend NAME] [--json]`;

/** `bench dry-run`: what `train --dry-run` says beside what the training then takes. */
export async function benchDryRun(args: string[]): Promise<Outcome> {
  const { values } = parse(args, options);
  const models = namesOf(textOf(values, "model") ?? USUAL, modelNames(), "model");
  const iterations = wholeOf(values, "iterations", 3) ?? 60;
  const filters = wholeOf(values, "filters", 1) ?? 16;
  const { name: backend, line } = await chooseBackend(textOf(values, "backend"));
  remark(line);
  const training = ["--profile", "small", "--iterations", `${iterations}`, "--filters", `${filters}`];
  const folder = mkdtempSync(join(tmpdir(), "dry-run-"));
  const results: DryRunCheck[] = [];
  try {
    for (const model of models) {
      remark(`${model}: a dry run, then ${iterations} iterations`);
      results.push(await checkDryRun(model, [...training, "--backend", backend], folder));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const kept = results.every((one) => one.kept);
  const processor = cpus()[0].model;
  console.log(
    `${processor}, ${threads()} threads, ${backend}; profile small, ${filters} filters, ${iterations} iterations`,
  );
  console.log(dryRunTable(results));
  return { json: { processor, threads: threads(), backend, iterations, filters, results, kept }, status: kept ? 0 : 1 };
}

/** One row a model, in Markdown. */
export const dryRunTable = (results: readonly DryRunCheck[]): string =>
  markdownTable(
    ["model", "time predicted", "time", "ratio", "memory predicted", "memory", "ratio", "within limits"],
    results.map(({ model, predicted, real, timeRatio, memoryRatio, kept }) => [
      ...[model, seconds(predicted.seconds), seconds(real.seconds), timeRatio.toFixed(2)],
      ...[megabytes(predicted.peakBytes), megabytes(real.peakBytes), memoryRatio.toFixed(2)],
      kept ? "yes" : "NO",
    ]),
  );
