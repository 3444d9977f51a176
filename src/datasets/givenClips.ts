import { statSync } from "node:fs";
import { basename, extname, relative } from "node:path";
import { type Sequences, UserError } from "../types";
import { clipAt } from "./batch";
import { scaled } from "./drawDigits";
import { listFiles } from "./folder";
import { pictureEndings } from "./formats/image";
import { readNpy } from "./formats/npy";
import { readNpzArray } from "./formats/npz";
import { videoEndings } from "./formats/video";
import { ownFrames } from "./ownFrames";
import { requireFinite } from "./requireFinite";

/** One clip of a file or folder, read when it is asked for. */
export interface GivenClip {
  /** Its path below the folder, without the ending of a file; with "-0", "-1", ... where a file holds several. */
  readonly name: string;
  /** What errors call it: its file, or its folder and name. */
  readonly where: string;
  /** [time, height, width, channels] */
  readonly shape: readonly [time: number, height: number, width: number, channels: number];
  /** [1, time, height, width, channels] */
  read(): Promise<Sequences>;
}

export interface GivenClipsOptions {
  /** Of pictures and videos: 1 for grey, 3 for colour. */
  readonly channels: 1 | 3;
  /** Folder for decoded pictures and videos; see `prepareFrames`. */
  readonly cache?: string;
}

const arrayEndings = [".npy", ".npz"];
const filmEndings = [...pictureEndings, ...videoEndings];

/**
 * All clips of a NumPy file, of a video, or of a folder: of each `.npy` and `.npz` file in it one clip or a batch, the pictures of
 * each subfolder (or of itself) as a clip, each video. Levels of 8 bits are scaled to [0, 1], other numbers taken as they are.
 *
 * Everything is read once and checked: missing, damaged, of another kind, empty, not finite, pictures of different sizes are a
 * UserError that names the file, before there is any clip.
 */
export async function givenClips(from: string, options: GivenClipsOptions): Promise<GivenClip[]> {
  const isFolder = statSync(from, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (!isFolder && videoEndings.includes(extname(from).toLowerCase())) return filmClips(from, options);
  if (!isFolder) return arrayClips(from, basename(from), keepingLast());
  const arrays = listFiles(from, arrayEndings).flatMap(({ paths }) => paths);
  const films = listFiles(from, filmEndings);
  if (arrays.length + films.length === 0)
    throw new UserError(`${from}: expected clips (${[...arrayEndings, ...filmEndings].join(", ")}), found none`);
  const clipsAt = keepingLast();
  const ofArrays = arrays.flatMap((path) => arrayClips(path, relative(from, path), clipsAt));
  return films.length === 0 ? ofArrays : [...ofArrays, ...(await filmClips(from, options))];
}

const withoutEnding = (path: string) => path.slice(0, path.length - extname(path).length).replaceAll("\\", "/");

/** Reads files of clips and keeps the last one: clips of one file are mostly asked for one after another. */
function keepingLast(): (path: string) => Sequences {
  let last: { readonly path: string; readonly clips: Sequences } | undefined;
  return (path) => {
    if (last?.path !== path) last = { path, clips: requireFinite(readClips(path), path) };
    return last.clips;
  };
}

function arrayClips(path: string, file: string, clipsAt: (path: string) => Sequences): GivenClip[] {
  const [batch, ...shape] = clipsAt(path).shape;
  const name = withoutEnding(file);
  return Array.from({ length: batch }, (_, i) => ({
    name: batch === 1 ? name : `${name}-${i}`,
    where: path,
    shape,
    read: async () => clipAt(clipsAt(path), i),
  }));
}

/** Clips [batch, time, height, width, channels] of a file; one clip may lack the batch axis, grey ones the channels. */
function readClips(path: string): Sequences {
  const { shape, data } = extname(path).toLowerCase() === ".npz" ? readNpzArray(path) : readNpy(path);
  const five = shape.length === 3 ? [1, ...shape, 1] : shape.length === 4 ? [1, ...shape] : shape;
  if (five.length !== 5 || data.length === 0) {
    throw new UserError(
      `${path} is [${shape.join(", ")}], expected [batch, time, height, width, channels] or [time, height, width]`,
    );
  }
  const value = data instanceof Uint8Array ? (level: number) => scaled[level] : Number;
  return { data: Float32Array.from(data as ArrayLike<number>, value), shape: five as unknown as Sequences["shape"] };
}

/** Of the pictures and videos of a folder, or of one video. */
async function filmClips(from: string, { channels, cache }: GivenClipsOptions): Promise<GivenClip[]> {
  const { height, width, recordings, read } = await ownFrames({ from, channels, cache }, "given-clips");
  const size = height * width * channels;
  return recordings.map(({ name, frames }, i) => ({
    name: videoEndings.includes(extname(name).toLowerCase()) ? withoutEnding(name) : name,
    where: `${from}, ${name}`,
    shape: [frames, height, width, channels],
    async read() {
      const data = new Float32Array(frames * size);
      for (let t = 0; t < frames; t++) await read(i, t, data.subarray(t * size, (t + 1) * size));
      return { data, shape: [1, frames, height, width, channels] };
    },
  }));
}
