import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { cannotWrite, makeFolder, openToRead, readJson, readPart } from "../files";
import { UserError } from "../types";
import { scaled } from "./drawDigits";
import type { FrameSource, Recording } from "./frameSource";

/** What makes frames: recordings one after another, each frame by frame, so that memory does not grow with the data. */
export interface FrameStream<Facts = undefined> {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Levels 0..255, or numbers in [0, 1] as float32. */
  readonly type: "u1" | "f4";
  /** What was found out on the way and is kept beside the frames: plain data. */
  readonly facts?: Facts;
  recordings(): AsyncIterable<{ readonly name: string; readonly frames: AsyncIterable<Uint8Array | Float32Array> }>;
}

interface Index<Facts> extends Pick<FrameStream<Facts>, "height" | "width" | "channels" | "type" | "facts"> {
  readonly version: 1;
  /** What they were made of. */
  readonly about: unknown;
  readonly recordings: readonly Recording[];
}

export interface PreparedFrames<Facts = undefined> extends FrameSource, Pick<FrameStream, "type"> {
  readonly facts: Facts;
}

/** Where prepared data sets lie: MS_RNN_CACHE, by default .cache/ms-rnn in the user's folder. */
export const cacheFolder = (): string => process.env.MS_RNN_CACHE || join(homedir(), ".cache", "ms-rnn");

export interface PrepareOptions {
  /** Begins the folder's name, in small letters and with a hyphen for all between words. */
  readonly name: string;
  /** Everything that decides the frames, as plain data: settings, and names, sizes and times of the files. Others are made anew. */
  readonly about: unknown;
  /** Default: `cacheFolder()`. */
  readonly cache?: string;
  readonly onProgress?: (recordings: number, frames: number) => void;
}

/**
 * Frames of a data set in the cache: made if they are not there yet, and read from there, one by one. The folder appears under its
 * name only when it is whole; where making it fails (a damaged file, a full disk), nothing of it stays.
 */
export async function prepareFrames<Facts = undefined>(
  options: PrepareOptions,
  make: () => FrameStream<Facts> | Promise<FrameStream<Facts>>,
): Promise<PreparedFrames<Facts>> {
  const { name, about, cache = cacheFolder() } = options;
  const key = createHash("sha256").update(JSON.stringify(about)).digest("hex").slice(0, 16);
  const folder = join(cache, `${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}-${key}`);
  if (!existsSync(folder)) await writeFrames(folder, options, await make());
  return openFrames(folder);
}

async function writeFrames<Facts>(
  folder: string,
  { about, onProgress }: PrepareOptions,
  stream: FrameStream<Facts>,
): Promise<void> {
  const temporary = `${folder}.${process.pid}.tmp`;
  const { height, width, channels, type, facts } = stream;
  const size = height * width * channels;
  let file: number | undefined;
  try {
    makeFolder(temporary);
    file = openSync(join(temporary, "frames.bin"), "wx");
    const recordings: Recording[] = [];
    let total = 0;
    for await (const { name, frames } of stream.recordings()) {
      let count = 0;
      for await (const frame of frames) {
        if (frame.length !== size) {
          throw new UserError(
            `${name}, frame ${count}: expected ${height} x ${width} x ${channels}, got ${frame.length} numbers`,
          );
        }
        const kind = type === "u1" ? Uint8Array : Float32Array;
        const bytes = frame instanceof kind ? frame : kind.from(frame);
        writeFileSync(file, bytes);
        count++;
        onProgress?.(recordings.length, total + count);
      }
      total += count;
      recordings.push({ name, frames: count });
    }
    if (total === 0) throw new UserError("expected frames, got none");
    fsyncSync(file);
    closeSync(file);
    file = undefined;
    const index: Index<Facts> = { version: 1, about, height, width, channels, type, facts, recordings };
    writeFileSync(join(temporary, "index.json"), JSON.stringify(index), { flush: true });
    renameSync(temporary, folder);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    rmSync(temporary, { recursive: true, force: true });
    const failure = error as NodeJS.ErrnoException;
    // Somebody else made the same ones meanwhile.
    if (failure.code === "ENOTEMPTY" || failure.code === "EEXIST") return;
    throw failure.code === undefined ? failure : cannotWrite(folder, failure, "prepare");
  }
}

/** Prepared frames of a folder. Errors: damaged, of another version. */
function openFrames<Facts>(folder: string): PreparedFrames<Facts> {
  const path = join(folder, "frames.bin");
  const index = readJson(join(folder, "index.json"), "prepared frames") as Index<Facts>;
  if (index?.version !== 1 || !Array.isArray(index.recordings)) {
    throw new UserError(`${folder}: expected prepared frames of version 1; remove the folder to make them anew`);
  }
  const { height, width, channels, type, recordings } = index;
  const size = height * width * channels;
  const bytes = type === "u1" ? size : 4 * size;
  const first: number[] = [];
  let total = 0;
  for (const { frames } of recordings) {
    first.push(total);
    total += frames;
  }
  const { file, size: length } = openToRead(path, "prepared frames");
  if (length !== total * bytes) {
    throw new UserError(`${path} has ${length} bytes, expected ${total * bytes}; remove ${folder} to make it anew`);
  }
  return {
    height,
    width,
    channels,
    type,
    facts: index.facts as Facts,
    recordings,
    read(recording, frame, into) {
      const part = readPart(file, (first[recording] + frame) * bytes, bytes, path);
      if (type === "u1") for (let i = 0; i < size; i++) into[i] = scaled[part[i]];
      else into.set(new Float32Array(part.buffer));
    },
  };
}
