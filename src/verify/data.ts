import { dirname, join } from "node:path";
import { drawDigits } from "../datasets/drawDigits";
import { trajectory } from "../datasets/trajectory";
import { readJson } from "../files";
import { mae } from "../metrics/mae";
import { mse } from "../metrics/mse";
import { psnr } from "../metrics/psnr";
import type { MeanScore } from "../metrics/score";
import { ssim } from "../metrics/ssim";
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

/** Scores by the names the known answers use. */
const scores: Record<string, MeanScore> = { mse, mae, psnr, ssim };

type Numbers = Record<string, number[] | number>;
export type ExpectedScores = Record<string, { per_frame: Numbers; mean: Numbers; shape: number[] }>;

export const isExpectedScores = (value: unknown): value is ExpectedScores =>
  typeof value === "object" &&
  value !== null &&
  Object.keys(value).length > 0 &&
  Object.values(value).every((set) => set?.per_frame && set?.mean);

/** Scores per frame and their means, in two unequal parts merged (fixtures: metrics/expected.json with frames.safetensors). */
export function verifyScores(expected: ExpectedScores, path: string): Finding[] {
  const known = { ...readSafetensors(join(dirname(path), "frames.safetensors")), settings: {} };
  const sequences = (name: string): Sequences => {
    const video = clip(need(known, name));
    const result = { data: video.dataSync() as Float32Array, shape: video.shape as Sequences["shape"] };
    video.dispose();
    return result;
  };
  return Object.entries(expected).flatMap(([set, { per_frame: perFrame, mean }]) => {
    const [predicted, observed] = [sequences(`${set}/pred`), sequences(`${set}/truth`)];
    return Object.keys(perFrame).flatMap((name) => {
      const score = scores[name];
      if (!score) return [exact(`${set}: no score ${name} is built`, false)];
      const time = observed.shape[1];
      const sums = [
        [0, 1],
        [1, observed.shape[0]],
      ].map(([from, to]) => score.add(score.init(time), part(predicted, from, to), part(observed, from, to)));
      const values = score.value(score.merge(sums[0], sums[1]));
      return [
        relative(`${set}: ${name} per frame`, values, perFrame[name] as number[], 1e-6),
        relative(`${set}: ${name}`, [values.reduce((a, b) => a + b) / time], [mean[name] as number], 1e-6),
      ];
    });
  });
}

function part({ data, shape: [batch, ...rest] }: Sequences, from: number, to: number): Sequences {
  const size = data.length / batch;
  return { data: data.subarray(from * size, to * size), shape: [to - from, ...rest] };
}
