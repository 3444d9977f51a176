import { statSync } from "node:fs";
import { basename, extname, relative, resolve } from "node:path";
import { UserError } from "../types";
import { type ArrayAxes, type ArrayFrames, arrayFrames } from "./arrayFrames";
import { filesBelow, stamp } from "./folder";
import { pictureEndings } from "./formats/image";
import { videoEndings } from "./formats/video";
import type { FrameSource } from "./frameSource";
import { type PictureRecording, pictureStream, picturesAt, videoAt } from "./pictureStream";
import { type FrameStream, type PrepareOptions, prepareFrames } from "./prepared";
import { resizer } from "./resize";

export interface OwnFramesOptions {
  /**
   * A folder of pictures and videos: the pictures of each subfolder are a recording, in the order of their names with numbers by
   * value, and so is each video. Or one video (.avi, .mp4, .mov, .mkv, .webm). Or a `.npy` or `.npz` file. Or a function that gives
   * frame 0, 1, ... as [height, width, channels] in [0, 1], with `frames` and `size`.
   */
  readonly from: string | ((frame: number) => Float32Array | Promise<Float32Array>);
  /** How many frames the function gives. */
  readonly frames?: number;
  /** Side of the frames, or [height, width]; others are resized to it. Default: as they are. */
  readonly size?: number | readonly [height: number, width: number];
  /** 1 for grey, 3 for colour, of pictures, videos and functions. Default 1. */
  readonly channels?: 1 | 3;
  /** Name of an array of a `.npz` file, where there are several. */
  readonly array?: string;
  /** Of an array; see `arrayFrames`. */
  readonly axes?: ArrayAxes;
  /** Values that 0 and 1 mean; those of an array are scaled by it, see `arrayFrames`. Default for others: 0 and 255, of a function 0 and 1. */
  readonly range?: readonly [number, number];
  /** Of prepared frames; see `prepareFrames`. */
  readonly cache?: string;
  readonly onProgress?: PrepareOptions["onProgress"];
}

type OwnFrames = FrameSource & { readonly range: readonly [number, number] };

/** The frames that `ownData` was given, wherever they lie, and the range of their values. */
export async function ownFrames(options: OwnFramesOptions, name: string): Promise<OwnFrames> {
  const { from, array, axes } = options;
  const ending = typeof from === "string" ? extname(from).toLowerCase() : "";
  const kind = typeof from === "string" ? statSync(from, { throwIfNoEntry: false }) : undefined;
  if (kind?.isFile() && [".npy", ".npz"].includes(ending)) return numbers(options, name);
  if (array !== undefined || axes !== undefined)
    throw new UserError(`${name}: expected a .npy or .npz file, as array or axes are given`);
  if (typeof from !== "string") return computed(options);
  if (!kind) throw new UserError(`${from}: no such folder of pictures or videos, video, .npy or .npz file`);
  if (kind.isDirectory() || videoEndings.includes(ending)) return pictures(options, name, kind.isDirectory());
  throw new UserError(`${from}: expected a folder of pictures or videos, a video, a .npy or a .npz file`);
}

const wantedOf = ({ size }: OwnFramesOptions) => (typeof size === "number" ? ([size, size] as const) : size);

/** Of a function. */
function computed(options: OwnFramesOptions): OwnFrames {
  const { from, frames, channels = 1, range = [0, 1] } = options;
  const wanted = wantedOf(options);
  if (frames === undefined || wanted === undefined)
    throw new UserError("a function of frames: expected `frames` and `size` beside it");
  const [height, width] = wanted;
  const recordings = [{ name: "frames", frames }];
  const read = async (_: number, frame: number, into: Float32Array) => {
    const made = await (from as Exclude<typeof from, string>)(frame);
    const expected = height * width * channels;
    if (made.length !== expected) {
      throw new UserError(
        `frame ${frame}: expected ${height} x ${width} x ${channels} = ${expected} numbers, got ${made.length}`,
      );
    }
    into.set(made);
  };
  return { height, width, channels, recordings, read, range };
}

/** Of pictures and videos. */
async function pictures(options: OwnFramesOptions, name: string, isFolder: boolean): Promise<OwnFrames> {
  const { channels = 1, range = [0, 255], cache, onProgress } = options;
  const from = options.from as string;
  const wanted = wantedOf(options);
  const found = isFolder ? recordingsBelow(from, channels) : [video(basename(from), from, channels)];
  const files = found.map(({ recording, paths }) => [
    recording.name,
    paths.map((path) => [relative(from, path), stamp(path)]),
  ]);
  const about = { pictures: resolve(from), files, size: wanted, channels };
  const recordings = found.map(({ recording }) => recording);
  const frames = await prepareFrames({ name, about, cache, onProgress }, () =>
    pictureStream(recordings, channels, wanted && [wanted]),
  );
  return { ...frames, range };
}

interface Found {
  readonly recording: PictureRecording;
  readonly paths: readonly string[];
}

const video = (name: string, path: string, channels: 1 | 3): Found => ({
  recording: videoAt(name, path, channels),
  paths: [path],
});

function recordingsBelow(root: string, channels: 1 | 3): Found[] {
  const endings = [...pictureEndings, ...videoEndings];
  return filesBelow(root, endings, "pictures or videos").flatMap(({ name, paths }) => {
    const isVideo = (path: string) => videoEndings.includes(extname(path).toLowerCase());
    const still = paths.filter((path) => !isVideo(path));
    const videos = paths.filter(isVideo).map((path) => video(relative(root, path), path, channels));
    return still.length === 0 ? videos : [{ recording: picturesAt(name, still, channels), paths: still }, ...videos];
  });
}

/** Of an array: as it lies in a `.npy` file; unpacked into the cache from a `.npz` file. */
async function numbers(options: OwnFramesOptions, name: string): Promise<OwnFrames> {
  const { array, axes, range, cache, onProgress } = options;
  const from = options.from as string;
  const open = () => arrayFrames(from, { array, axes, range });
  const about = { array: resolve(from), stamp: stamp(from), member: array, axes, range };
  const unpack = async (): Promise<OwnFrames> => {
    const frames = await prepareFrames({ name, about, cache, onProgress }, () => streamOf(open()));
    // What is stored as levels has their range, by default or because it was asked for.
    return { ...frames, range: range ?? (frames.type === "u1" ? [0, 255] : [0, 1]) };
  };
  const frames = extname(from).toLowerCase() === ".npy" ? open() : await unpack();
  const wanted = wantedOf(options);
  return !wanted || (wanted[0] === frames.height && wanted[1] === frames.width) ? frames : resized(frames, wanted);
}

/** Frames of an array, to prepare. */
function streamOf(frames: ArrayFrames): FrameStream {
  const { height, width, channels, type, recordings, read } = frames;
  async function* each(recording: number, count: number) {
    for (let frame = 0; frame < count; frame++) {
      const values = new Float32Array(height * width * channels);
      await read(recording, frame, values);
      yield type === "u1" ? Uint8Array.from(values, (value) => Math.round(255 * value)) : values;
    }
  }
  return {
    ...{ height, width, channels, type },
    async *recordings() {
      for (const [i, recording] of recordings.entries()) {
        yield { name: recording.name, frames: each(i, recording.frames) };
      }
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
