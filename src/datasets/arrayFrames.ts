import { extname } from "node:path";
import { UserError } from "../types";
import { type NpyData, npyInMemory, openNpy } from "./formats/npy";
import { readNpzArray } from "./formats/npz";
import type { FrameSource } from "./frameSource";

/**
 * What the axes of an array are: N clips or recordings, T time, H height, W width, C channels. Height and width come last, channels
 * after or before them.
 */
export type ArrayAxes = "THW" | "THWC" | "TCHW" | "NTHW" | "TNHW" | "NTHWC" | "TNHWC" | "NTCHW" | "TNCHW";

const usual: Readonly<Record<number, ArrayAxes>> = { 3: "THW", 4: "NTHW", 5: "NTHWC" };
const known: readonly string[] = ["THW", "THWC", "TCHW", "NTHW", "TNHW", "NTHWC", "TNHWC", "NTCHW", "TNCHW"];

export interface ArrayOptions {
  /** Name of an array of a `.npz` file, where there are several. */
  readonly array?: string;
  /** Default by the number of axes: THW, NTHW or NTHWC. */
  readonly axes?: ArrayAxes;
  /** Values that become 0 and 1; others are clipped. Default 0 and 255 for whole numbers, 0 and 1 for others. */
  readonly range?: readonly [number, number];
}

/** Frames of an array: whole numbers of 0..255 can be stored as levels without loss. */
export interface ArrayFrames extends FrameSource {
  readonly range: readonly [number, number];
  readonly type: "u1" | "f4";
}

/**
 * The frames of a `.npy` file, read from the file one by one, or of an array of a `.npz` file, which is held in memory. Each entry of
 * the axis N is a recording. Errors: as for `openNpy` and `readNpzArray`; axes that do not fit the array's shape; a range of no width.
 */
export function arrayFrames(path: string, { array, axes, range }: ArrayOptions = {}): ArrayFrames {
  const packed = extname(path).toLowerCase() === ".npz";
  if (array !== undefined && !packed)
    throw new UserError(`${path}: expected a .npz file, as the array ${array} is asked for`);
  const file = packed ? npyInMemory(readNpzArray(path, array)) : openNpy(path);
  const { shape, type } = file;
  const names = axes ?? usual[shape.length];
  if (names === undefined || !known.includes(names) || names.length !== shape.length) {
    throw new UserError(
      `${path} has axes [${shape.join(", ")}], expected ${axes ?? "three to five: time, height, width, before them clips, after them channels"}`,
    );
  }
  const side = (name: string) => (names.includes(name) ? shape[names.indexOf(name)] : 1);
  const [clips, time, height, width, channels] = ["N", "T", "H", "W", "C"].map(side);
  if (shape.some((length) => length < 1))
    throw new UserError(`${path} has axes [${shape.join(", ")}], expected none that is empty`);
  const [low, high] = range ?? (type.startsWith("f") ? [0, 1] : [0, 255]);
  if (!(high > low)) throw new UserError(`range: expected two rising numbers, got ${low} and ${high}`);
  const size = height * width * channels;
  const timeFirst = names.startsWith("TN");
  const channelsFirst = names.endsWith("CHW");
  return {
    height,
    width,
    channels,
    range: [low, high],
    type: !type.startsWith("f") && low === 0 && high === 255 ? "u1" : "f4",
    recordings: Array.from({ length: clips }, (_, i) => ({ name: `${i}`, frames: time })),
    read(recording, frame, into) {
      const place = timeFirst ? frame * clips + recording : recording * time + frame;
      const values = file.read(place * size, size);
      for (let i = 0; i < size; i++) {
        const from = channelsFirst ? (i % channels) * height * width + Math.floor(i / channels) : i;
        into[i] = scaledTo(values, from, low, high);
      }
    },
  };
}

/** One value of the range as part of it; NaN stays NaN, so that it is noticed. */
const scaledTo = (values: NpyData, at: number, low: number, high: number): number =>
  Math.min(Math.max((Number(values[at]) - low) / (high - low), 0), 1);
