import { cpus } from "node:os";
import { join } from "node:path";
import { chooseBackend } from "../backend/choose";
import { threads } from "../backend/threads";
import { complaint } from "../bench/others";
import { bytesOf, dimensions, dimensionsFor, growthOf, pointsOf, type ScaleResult, scale } from "../bench/scaleBench";
import { type Chart, curves } from "../display/curves";
import { save } from "../display/save";
import { prepare } from "../prepare";
import { experiment } from "../profiles";
import { markdownTable } from "../report/markdownTable";
import { UsageError } from "../types";
import { defined, megabytes, seconds, workloads } from "./benchSettings";
import { common, type Outcome, parse, remark, textOf, wholeOf } from "./command";

const options = {
  ...common,
  vary: { type: "string" },
  values: { type: "string" },
  model: { type: "string" },
  filters: { type: "string" },
  size: { type: "string" },
  batch: { type: "string" },
  repeats: { type: "string" },
  out: { type: "string" },
} as const;

export const scaleUsage =
  "scale [--vary size,filters,steps,layers,batch] [--values N,N (of one)] [--model NAME (layers: one without MS-)] " +
  "[--filters N] [--size N] [--batch N] [--repeats 3] [--out DIR] [--backend NAME] [--json]";

/** `bench scale`: time and memory of a training step against one thing at a time. */
export async function benchScale(args: string[]): Promise<Outcome> {
  const { values } = parse(args, options);
  const repeats = wholeOf(values, "repeats", 1) ?? 3;
  const out = textOf(values, "out");
  const { profile, batch } = workloads.small;
  const given = {
    filters: wholeOf(values, "filters", 1),
    size: wholeOf(values, "size", 1),
    batch: wholeOf(values, "batch", 1),
  };
  const base = experiment(profile, { batch, ...defined({ ...given, model: textOf(values, "model") }) });
  await prepare(base);
  const names = textOf(values, "vary")?.split(",") ?? dimensionsFor(base.model);
  const unknown = names.find((name) => !Object.hasOwn(dimensions, name));
  if (unknown !== undefined) {
    throw new UsageError(`unknown --vary: ${unknown}; expected some of ${Object.keys(dimensions).join(", ")}`);
  }
  const chosen = textOf(values, "values")?.split(",").map(wholeValue);
  if (chosen && names.length !== 1) throw new UsageError("--values: expected one name after --vary");
  const points = pointsOf(base, names, chosen);
  const { name: backend, line } = await chooseBackend(textOf(values, "backend"));
  remark(line);
  for (const { settings } of points) await (await prepare(settings)).dataset.sequences("train", [0]);

  const results = await scale(points, { backend, repeats, tell: remark });
  const noise = complaint(Math.max(...results.map(({ otherCores }) => otherCores)));
  if (noise) remark(noise);
  const { model, filters, size } = base;
  console.log(
    `${cpus()[0].model}, ${threads()} threads, ${backend}; ${model}, elsewhere ${filters} filters, ${size} x ${size}, ` +
      `${base.context} + ${base.horizon} frames, batch ${base.batch}; median of ${repeats} steps`,
  );
  console.log(scaleTables(results));
  const growth = growthOf(results);
  const where = { backend, processor: cpus()[0].model, threads: threads() };
  if (out === undefined) return { json: { ...where, base, results, growth } };
  const picture = join(out, "scale.png");
  await save(scaleChart(results, `${model}: a training step`), picture);
  remark(`drawn: ${picture}`);
  return { json: { ...where, base, results, growth, picture } };
}

function wholeValue(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new UsageError(`--values has ${text}, expected whole numbers from 1`);
}

/** One row a point, and one a dimension, in Markdown. */
export function scaleTables(results: readonly ScaleResult[]): string {
  const points = markdownTable(
    ["varied", "value", "time of a step", "memory", "of training"],
    results.map(({ vary, value, seconds: time, peakBytes, trainingBytes }) => [
      `${vary} (${dimensions[vary].unit})`,
      String(value),
      seconds(time),
      megabytes(peakBytes),
      trainingBytes === undefined ? "" : megabytes(trainingBytes),
    ]),
  );
  const powers = growthOf(results).map(({ vary, seconds, bytes }) => [vary, seconds.toFixed(2), bytes.toFixed(2)]);
  if (powers.length === 0) return points;
  return `${points}\n\n${markdownTable(["grows with the power of", "time", "memory of training"], powers)}`;
}

/** Two panels, time and memory: each line is one thing varied, in doublings of its usual value. */
export function scaleChart(results: readonly ScaleResult[], title: string): Chart {
  const names = [...new Set(results.map(({ vary }) => vary))];
  const series = (of: (one: ScaleResult) => number) =>
    names.map((vary) => {
      const points = results.filter((one) => one.vary === vary).sort((a, b) => a.value - b.value);
      const x = points.map(({ value, base }) => Math.log2(value / base));
      return { name: `${vary} (${points[0].base})`, x, y: points.map(of) };
    });
  const doublings = results.map(({ value, base }) => Math.log2(value / base));
  const [least, most] = [Math.floor(Math.min(...doublings)), Math.ceil(Math.max(...doublings))];
  const axis = { xRange: [least, Math.max(most, least + 1)], wholeX: true } as const;
  const panels = [
    { title: "time", yLabel: "seconds", series: series((one) => one.seconds), ...axis },
    { title: "memory of training", yLabel: "MB", series: series((one) => bytesOf(one) / 1e6), ...axis },
  ];
  const xLabel = "doublings of the value in brackets";
  return curves(panels, { title, xLabel, logY: true, scale: 2, interactive: false });
}
