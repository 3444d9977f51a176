import { cpus } from "node:os";
import { chooseBackend } from "../backend/choose";
import { threads } from "../backend/threads";
import { complaint, watchOthers } from "../bench/others";
import { benchPrefetch as measure, type PrefetchTimes } from "../bench/prefetchBench";
import { prepare } from "../prepare";
import { experiment } from "../profiles";
import { markdownTable } from "../report/markdownTable";
import { defined, seconds } from "./benchSettings";
import { common, type Outcome, parse, remark, textOf, wholeOf } from "./command";

const options = {
  ...common,
  model: { type: "string" },
  filters: { type: "string" },
  size: { type: "string" },
  batch: { type: "string" },
  steps: { type: "string" },
  repeats: { type: "string" },
  times: { type: "string" },
} as const;

export const prefetchUsage =
  "prefetch [--times 1 (how often each batch is made)] [--model NAME] [--filters 16] [--size 64] [--batch 8] [--steps 20] " +
  "[--repeats 3] [--backend NAME] [--json]";

/** `bench prefetch`: how much of making the next batch costs no time, on the paper's Moving MNIST. */
export async function benchPrefetch(args: string[]): Promise<Outcome> {
  const { values } = parse(args, options);
  const given = {
    filters: wholeOf(values, "filters", 1),
    size: wholeOf(values, "size", 1),
    batch: wholeOf(values, "batch", 1),
    model: textOf(values, "model"),
  };
  const steps = wholeOf(values, "steps", 1) ?? 20;
  const repeats = wholeOf(values, "repeats", 1) ?? 3;
  const times = wholeOf(values, "times", 1) ?? 1;
  const settings = experiment("paper", { filters: 16, batch: 8, ...defined(given) });
  await prepare(settings);
  const { name: backend, line } = await chooseBackend(textOf(values, "backend"));
  remark(line);
  const others = watchOthers([]);
  const found = await measure({ settings, steps, repeats, times, tell: remark });
  const otherCores = others();
  const { model, filters, batch, size } = settings;
  const where = { processor: cpus()[0].model, threads: threads(), backend };
  console.log(
    `${where.processor}, ${where.threads} threads, ${backend}; ${model}, ${filters} filters, ${size} x ${size}, batch ${batch}, ` +
      `each made ${times} times; ${steps} steps, median of ${repeats}`,
  );
  console.log(prefetchTable(found));
  const noise = complaint(otherCores);
  if (noise) remark(noise);
  return { json: { ...where, model, filters, batch, size, steps, repeats, times, otherCores, ...found } };
}

/** In Markdown. */
export const prefetchTable = ({ loading, training, inTurn, ahead, hidden }: PrefetchTimes): string =>
  markdownTable(
    ["", "time"],
    [
      ["making the batches alone", seconds(loading)],
      ["training alone, on one batch", seconds(training)],
      ["both in turn", seconds(inTurn)],
      ["the next batch made during a step", seconds(ahead)],
      ["part of the making that costs no time", `${(100 * hidden).toFixed(0)} %`],
    ],
  );
