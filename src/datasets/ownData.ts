import { statSync } from "node:fs";
import { basename, extname, relative, resolve } from "node:path";
import { type Citation, UserError } from "../types";
import { type ArrayAxes, arrayFrames } from "./arrayFrames";
import type { Dataset, Source } from "./dataset";
import { type FolderFiles, filesBelow, stamp } from "./folder";
import { pictureEndings, readImage } from "./formats/image";
import { type FrameSource, fromFrames } from "./frameSource";
import { type FrameStream, type PrepareOptions, prepareFrames } from "./prepared";
import { resizer } from "./resize";
import { cuttings, type SplitRule, splitClips } from "./splits";

export interface OwnDataOptions {
  /**
   * A folder of pictures: those of each subfolder are a recording, in the order of their names with numbers by value. Or a `.npy`
   * file. Or a function that gives frame 0, 1, ... as [height, width, channels] in [0, 1], with `frames` and `size`.
   */
  readonly from: string | ((frame: number) => Float32Array | Promise<Float32Array>);
  /** How many frames the function gives. */
  readonly frames?: number;
  /** Frames in a clip. Default 20. */
  readonly time?: number;
  /** Side of the frames, or [height, width]; pictures are resized to it. Default: as they are. */
  readonly size?: number | readonly [height: number, width: number];
  /** 1 for grey, 3 for colour, of pictures and functions. Default 1. */
  readonly channels?: 1 | 3;
  /** Which recordings train, validate and test. Default: the last fifth of them to test, a tenth before it to validate. */
  readonly split?: SplitRule;
  /** Frames from one training clip to the next. Default 1; clips to validate and test follow each other without overlap. */
  readonly stride?: number;
  /** Takes every `step`-th frame. Default 1. */
  readonly step?: number;
  /** Of an array; see `arrayFrames`. */
  readonly axes?: ArrayAxes;
  /** Values of an array that become 0 and 1; see `arrayFrames`. */
  readonly range?: readonly [number, number];
  /** What values are, such as "mm/h". Default "level". */
  readonly unit?: string;
  /** Default: the name of the folder or file. */
  readonly name?: string;
  /** Of prepared pictures; see `prepareFrames`. */
  readonly cache?: string;
  readonly onProgress?: PrepareOptions["onProgress"];
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
 * Your own frames as a data set, such as `await ownData({ from: "frames", size: 64 })`. Pictures are decoded once, into the cache.
 * Throws a UserError for what is missing, damaged or of different sizes, and for splits that make no sense.
 */
export async function ownData(options: OwnDataOptions): Promise<Dataset> {
  const { from, time = 20, stride = 1, step = 1, split = {}, unit = "level" } = options;
  const cutting = cuttings(time, step, stride);
  const name = options.name ?? (typeof from === "string" ? basename(resolve(from)) : "frames");
  const { range, ...frames } = await framesOf(options, name);
  const splits = splitClips(name, frames, split, cutting);
  return fromFrames({ name, source: frames, time, step, splits, unit, range, from: source, citation });
}

async function framesOf(
  { from, frames, size, channels = 1, axes, range, cache, onProgress }: OwnDataOptions,
  name: string,
): Promise<FrameSource & { readonly range: readonly [number, number] }> {
  const wanted = typeof size === "number" ? ([size, size] as const) : size;
  if (typeof from !== "string") {
    if (frames === undefined || wanted === undefined)
      throw new UserError("a function of frames: expected `frames` and `size` beside it");
    const [height, width] = wanted;
    const recordings = [{ name: "frames", frames }];
    const read = async (_: number, frame: number, into: Float32Array) => {
      const made = await from(frame);
      const expected = height * width * channels;
      if (made.length !== expected) {
        throw new UserError(
          `frame ${frame}: expected ${height} x ${width} x ${channels} = ${expected} numbers, got ${made.length}`,
        );
      }
      into.set(made);
    };
    return { height, width, channels, recordings, read, range: range ?? [0, 1] };
  }
  const kind = statSync(from, { throwIfNoEntry: false });
  if (!kind) throw new UserError(`${from}: no such folder of pictures or .npy file`);
  if (kind.isDirectory()) {
    const recordings = filesBelow(from, pictureEndings, "pictures");
    const files = recordings.map(({ name: of, paths }) => [
      of,
      paths.map((path) => [relative(from, path), stamp(path)]),
    ]);
    const about = { pictures: resolve(from), files, size: wanted, channels };
    const prepared = await prepareFrames({ name, about, cache, onProgress }, () =>
      pictureStream(recordings, channels, wanted),
    );
    return { ...prepared, range: range ?? [0, 255] };
  }
  if (extname(from) !== ".npy") throw new UserError(`${from}: expected a folder of pictures or a .npy file`);
  const array = arrayFrames(from, { axes, range });
  if (!wanted || (wanted[0] === array.height && wanted[1] === array.width)) return array;
  return resized(array, wanted);
}

/** All pictures, decoded one by one. Error: they differ in size. */
async function pictureStream(
  recordings: readonly FolderFiles[],
  channels: 1 | 3,
  wanted?: readonly [height: number, width: number],
): Promise<FrameStream> {
  const first = await readImage(recordings[0].paths[0], channels);
  const size = [first.height, first.width] as const;
  const resize = wanted ? resizer(size, wanted, channels) : undefined;
  const [height, width] = wanted ?? size;
  async function* frames(paths: readonly string[]): AsyncGenerator<Uint8Array> {
    for (const path of paths) {
      const picture = await readImage(path, channels);
      if (picture.height !== size[0] || picture.width !== size[1]) {
        throw new UserError(
          `${path} is ${picture.height} x ${picture.width}, expected ${size[0]} x ${size[1]} like ${recordings[0].paths[0]}`,
        );
      }
      yield resize ? resize(picture.levels) : picture.levels;
    }
  }
  return {
    ...{ height, width, channels, type: "u1" },
    async *recordings() {
      for (const { name, paths } of recordings) yield { name, frames: frames(paths) };
    },
  };
}

/** Frames of another size, made whenever they are read. */
function resized<S extends FrameSource>(frames: S, [height, width]: readonly [height: number, width: number]): S {
  const { channels } = frames;
  const resize = resizer([frames.height, frames.width], [height, width], channels);
  const whole = new Float32Array(frames.height * frames.width * channels);
  return {
    ...frames,
    height,
    width,
    async read(recording, frame, into) {
      await frames.read(recording, frame, whole);
      into.set(resize(whole));
    },
  };
}
