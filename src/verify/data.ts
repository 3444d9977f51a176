import { dirname, join } from "node:path";
import { drawDigits } from "../datasets/drawDigits";
import { trajectory } from "../datasets/trajectory";
import { readJson } from "../files";
import { frameScores } from "../metrics/all";
import { balanced, balancingWeights } from "../metrics/balanced";
import { roundExact } from "../metrics/exactSum";
import { type RainMap, rainMaps } from "../metrics/rain";
import type { Score } from "../metrics/score";
import { eventScores, rainLevels } from "../metrics/skill";
import { type Sequences, UserError } from "../types";
import { readSafetensors } from "../weights/safetensors";
import { absolute, exact, type Finding, relative } from "./compare";
import { clip, type KnownAnswers, need } from "./layout";

type Pair = readonly [number, number];

export interface Trajectories {
  readonly limit: number;
  readonly frames: number;
  readonly frame_size: number;
  readonly digit_size: number;
  readonly sequences: readonly {
    digits: readonly { start: Pair; velocity: Pair; positions: readonly Pair[]; paste: readonly Pair[] }[];
  }[];
}

export const isTrajectories = (value: unknown): value is Trajectories =>
  typeof value === "object" &&
  value !== null &&
  "limit" in value &&
  "sequences" in value &&
  Array.isArray(value.sequences);

const MARGIN = 2;

/** Positions of moving digits, and the whole pixels they are drawn at (fixtures: moving_mnist/trajectories.json). */
export function verifyTrajectories({ sequences, frames, limit }: Trajectories): Finding[] {
  return sequences.flatMap(({ digits }, sequence) =>
    digits.flatMap(({ start, velocity, positions, paste }, digit) => {
      const points = trajectory(start, velocity, frames, limit, MARGIN);
      const corners = points.map((point) => point.map(Math.trunc));
      const where = `sequence ${sequence}, digit ${digit}`;
      return [
        absolute(`${where}: positions`, points.flat(), positions.flat(), 1e-9),
        exact(
          `${where}: corners`,
          corners.flat().every((value, i) => value === paste.flat()[i]),
        ),
      ];
    }),
  );
}

/** Frames of moving digits, pixel for pixel (fixtures: moving_mnist/frames.safetensors with trajectories.json beside it). */
export function verifyMovingFrames(known: KnownAnswers, path: string): Finding[] {
  const beside = readJson(join(dirname(path), "trajectories.json"), "trajectories of the frames");
  if (!isTrajectories(beside)) throw new UserError("trajectories.json beside it holds no trajectories");
  const { frame_size: side, digit_size: size, frames, limit } = beside;
  const { data } = need(known, "digits");
  const pictures = [0, 1].map((i) => ({
    pixels: Uint8Array.from(data.subarray(i * size * size, (i + 1) * size * size)),
    height: size,
    width: size,
  }));
  const kept = [0, 1, 2, 3, frames - 2, frames - 1];
  return [...known.tensors.keys()]
    .filter((name) => name.startsWith("frames/"))
    .map((name) => {
      const { digits } = beside.sequences[Number(name.slice("frames/".length))];
      const paths = digits.map(({ start, velocity }) => trajectory(start, velocity, frames, limit, MARGIN));
      const drawn = kept.flatMap((frame) => {
        const positions = paths.map((points) => points[frame]);
        const shown = drawDigits(new Float32Array(side * side), [side, side], pictures, positions, { shift: true });
        return [...shown].map((value) => Math.round(value * 255));
      });
      return absolute(name, drawn, need(known, name).data, 0);
    });
}

type Numbers = Readonly<Record<string, number | readonly number[] | readonly (readonly number[])[]>>;

interface ExpectedSet {
  readonly per_frame: Numbers;
  readonly mean: Numbers;
  /** Whose rain rates the pixels are. */
  readonly dataset: string;
  readonly thresholds_mm_per_h: readonly number[];
  readonly thresholds_pixel: readonly number[];
  /** By frame and threshold. */
  readonly counts: Readonly<Record<string, readonly (readonly number[])[]>>;
}
export type ExpectedScores = Readonly<Record<string, ExpectedSet>>;

export const isExpectedScores = (value: unknown): value is ExpectedScores =>
  typeof value === "object" &&
  value !== null &&
  Object.keys(value).length > 0 &&
  Object.values(value).every((set) => set?.per_frame && set?.mean && set?.counts && set?.thresholds_mm_per_h);

/** The map of a data set by the name the published code gives it; sets without rain use HKO-7's. */
const rainOf = (dataset: string): RainMap =>
  /^dwd/i.test(dataset) ? rainMaps.dwd : /^(meteonet|rain-f)/i.test(dataset) ? rainMaps.meteonet : rainMaps.hko7;

/** Names of the four counts in the known answers, in our order. */
const countNames = ["hits", "false_alarms", "misses", "correct_negatives"];

/** Scores per frame and their means, in two unequal parts merged (fixtures: metrics/expected.json with frames.safetensors). */
export function verifyScores(expected: ExpectedScores, path: string): Finding[] {
  const known = { ...readSafetensors(join(dirname(path), "frames.safetensors")), settings: {} };
  const sequences = (name: string): Sequences => {
    const video = clip(need(known, name));
    const result = { data: video.dataSync() as Float32Array, shape: video.shape as Sequences["shape"] };
    video.dispose();
    return result;
  };
  return Object.entries(expected).flatMap(([set, { per_frame: perFrame, mean, dataset, counts, ...levels }]) => {
    const [predicted, observed] = [sequences(`${set}/pred`), sequences(`${set}/truth`)];
    const time = observed.shape[1];
    const sumsOf = (score: Score) =>
      [
        [0, 1],
        [1, observed.shape[0]],
      ]
        .map(([from, to]) => score.add(score.init(time), part(predicted, from, to), part(observed, from, to)))
        .reduce(score.merge);
    const rain = rainOf(dataset);
    const rates = levels.thresholds_mm_per_h;
    const thresholds = rainLevels(rain, rates);
    const scores = [...frameScores, ...balanced(rain), ...eventScores(thresholds)];
    const named = (name: string) => {
      const found = scores.find((score) => score.name === name);
      if (!found) throw new UserError(`${set}: no score ${name} is built`);
      return found;
    };
    const checked = Object.entries(perFrame).flatMap(([name, values]) => {
      const ours = name.replace("_", "-");
      const columns = Array.isArray((values as unknown[])[0]) ? rates.map((rate) => `${ours}-${rate}`) : [ours];
      return columns.flatMap((column, i): Finding[] => {
        const score = named(column);
        const wanted = (values as (number | number[])[]).map((value) => [value].flat()[i]);
        const got = score.value(sumsOf(score));
        const average = got.reduce((a, b) => a + b) / time;
        return [
          relative(`${set}: ${column} per frame`, got, wanted, 1e-6),
          relative(`${set}: ${column}`, [average], [[mean[name] as number | number[]].flat()[i]], 1e-6),
        ];
      });
    });
    const pixels = thresholds.map(({ pixel }) => pixel);
    const found = rates.map((rate) => sumsOf(named(`csi-${rate}`)).sums.map((frame) => frame.map(roundExact)));
    const countsAgree = countNames.map((name, kind) => {
      const agree = counts[name].every((frame, t) => frame.every((value, i) => found[i][t][kind] === value));
      return exact(`${set}: ${name}`, agree);
    });
    return [absolute(`${set}: thresholds`, pixels, levels.thresholds_pixel, 1e-12), ...checked, ...countsAgree];
  });
}

/** The weights of balanced errors (fixtures: metrics/frames.safetensors with expected.json beside it). */
export function verifyBalancing(known: KnownAnswers, path: string): Finding[] {
  const beside = readJson(join(dirname(path), "expected.json"), "scores of the frames");
  if (!isExpectedScores(beside)) throw new UserError("expected.json beside it holds no scores");
  return Object.entries(beside).map(([set, { dataset }]) => {
    const weights = balancingWeights(need(known, `${set}/truth`).data, rainOf(dataset));
    return absolute(`${set}: weights`, weights, need(known, `${set}/weights`).data, 0);
  });
}

/** Maps between rain rates and pixels by the names the known answers use. */
const knownMaps: Readonly<Record<string, RainMap>> = {
  hko: rainMaps.hko7,
  dwd: rainMaps.dwd,
  meteonet_rainf: rainMaps.meteonet,
  brasil: rainMaps.brazil,
};

type RainRates = { readonly rate_mm_per_h: readonly number[]; readonly pixel: readonly number[] } & Readonly<
  Record<string, { rate_to_pixel: number[]; pixel_to_rate: number[]; pixel_to_dbz?: number[] }>
>;

export const isRainRates = (value: unknown): value is RainRates =>
  typeof value === "object" && value !== null && "rate_mm_per_h" in value && "pixel" in value;

/** Rain rates as pixels and back (fixtures: metrics/rain_rate.json). */
export function verifyRainRates({ rate_mm_per_h: rates, pixel: pixels, ...maps }: RainRates): Finding[] {
  return Object.entries(maps).flatMap(
    ([name, { rate_to_pixel: toPixel, pixel_to_rate: toRate, pixel_to_dbz: toDbz }]) => {
      const map = knownMaps[name];
      if (!map) return [exact(`no map ${name} is built`, false)];
      return [
        relative(`${name}: pixels`, rates.map(map.toPixel), toPixel, 1e-6),
        relative(`${name}: rates`, pixels.map(map.toRate), toRate, 1e-6),
        ...(toDbz ? [absolute(`${name}: dBZ`, pixels.map(map.toDbz), toDbz, 1e-9)] : []),
      ];
    },
  );
}

function part({ data, shape: [batch, ...rest] }: Sequences, from: number, to: number): Sequences {
  const size = data.length / batch;
  return { data: data.subarray(from * size, to * size), shape: [to - from, ...rest] };
}
