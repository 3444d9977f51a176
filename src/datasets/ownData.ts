import { basename, resolve } from "node:path";
import type { Citation } from "../types";
import type { Dataset, Source } from "./dataset";
import { fromFrames } from "./frameSource";
import { type OwnFramesOptions, ownFrames } from "./ownFrames";
import { cuttings, type SplitRule, splitClips } from "./splits";

export interface OwnDataOptions extends OwnFramesOptions {
  /** Frames in a clip. Default 20. */
  readonly time?: number;
  /** Which recordings train, validate and test. Default: the last fifth of them to test, a tenth before it to validate. */
  readonly split?: SplitRule;
  /** Frames from one training clip to the next. Default 1; clips to validate and test follow each other without overlap. */
  readonly stride?: number;
  /** Takes every `step`-th frame. Default 1. */
  readonly step?: number;
  /** What values are, such as "mm/h". Default "level". */
  readonly unit?: string;
  /** Default: the name of the folder or file. */
  readonly name?: string;
}

const source: Source = { url: "", licence: "your own", how: "your own files" };
const citation: Citation = {
  key: "own",
  title: "own data",
  authors: "you",
  year: new Date().getFullYear(),
  checked: "no",
};

/**
 * Your own frames as a data set, such as `await ownData({ from: "frames", size: 64 })`. Pictures, videos and
 * `.npz` files are decoded once, into the cache; videos by ffmpeg. Throws a UserError for what is missing, damaged or of different
 * sizes, and for splits that make no sense.
 */
export async function ownData(options: OwnDataOptions): Promise<Dataset> {
  const { from, time = 20, stride = 1, step = 1, split = {}, unit = "level" } = options;
  const cutting = cuttings(time, step, stride);
  const name = options.name ?? (typeof from === "string" ? basename(resolve(from)) : "frames");
  const { range, ...frames } = await ownFrames(options, name);
  const splits = splitClips(name, frames, split, cutting);
  return fromFrames({ name, source: frames, time, step, splits, unit, range, from: source, citation });
}
