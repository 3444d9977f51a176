import { type Citation, type FrameSpec, type Sequences, UserError } from "../types";
import type { Dataset, Source, Split } from "./dataset";

/** One unbroken series of frames: a video, a day of radar, a sequence of an array. */
export interface Recording {
  readonly name: string;
  readonly frames: number;
}

/** Frames of equal size that can be read in any order, wherever they lie. */
export interface FrameSource {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly recordings: readonly Recording[];
  /** Writes one frame, [height, width, channels] in [0, 1], to the beginning of `into`. */
  read(recording: number, frame: number, into: Float32Array): void | Promise<void>;
}

/** Where a clip begins: number of the recording and of its first frame. */
export type Start = readonly [recording: number, frame: number];

/** How clips are cut from recordings. */
export interface Cutting {
  /** Frames in a clip. */
  readonly time: number;
  /** Frames from the beginning of one clip to that of the next. Default 1. */
  readonly stride?: number;
  /** Takes every `step`-th frame. Default 1. */
  readonly step?: number;
}

/** The beginnings of all clips of a recording's frames [first, end). */
export function starts(
  recording: number,
  [first, end]: readonly [first: number, end: number],
  { time, stride = 1, step = 1 }: Cutting,
): Start[] {
  const last = end - (time - 1) * step - 1;
  const count = last < first ? 0 : Math.floor((last - first) / stride) + 1;
  return Array.from({ length: count }, (_, i) => [recording, first + i * stride]);
}

export interface FromFrames {
  readonly name: string;
  readonly source: FrameSource;
  readonly time: number;
  readonly step?: number;
  /** Clips run backwards in time. Default false. */
  readonly reversed?: boolean;
  readonly splits: Readonly<Record<Split, readonly Start[]>>;
  readonly unit: string;
  readonly range: readonly [number, number];
  readonly from: Source;
  readonly citation: Citation;
}

/** A data set of clips that begin at given frames of recordings. Error when a clip is asked for that is not there. */
export function fromFrames(about: FromFrames): Dataset {
  const { name, source, time, step = 1, reversed = false, splits, unit, range, from, citation } = about;
  const { height, width, channels, recordings } = source;
  const frame: FrameSpec = { height, width, channels, unit, range };
  const startOf = (split: Split, index: number): Start => {
    const found = splits[split][index];
    if (!found) throw new UserError(`${name}: expected a clip below ${splits[split].length} of ${split}, got ${index}`);
    return found;
  };
  return {
    name,
    frame,
    time,
    source: from,
    citation,
    size: (split) => splits[split].length,
    id(split, index) {
      const [recording, first] = startOf(split, index);
      return `${recordings[recording].name}/${first}`;
    },
    async sequences(split, indices): Promise<Sequences> {
      const size = height * width * channels;
      const data = new Float32Array(indices.length * time * size);
      for (const [clip, index] of indices.entries()) {
        const [recording, first] = startOf(split, index);
        for (let t = 0; t < time; t++) {
          const place = clip * time + (reversed ? time - 1 - t : t);
          await source.read(recording, first + t * step, data.subarray(place * size, (place + 1) * size));
        }
      }
      return { data, shape: [indices.length, time, height, width, channels] };
    },
  };
}
