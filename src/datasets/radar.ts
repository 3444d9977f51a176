import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { RainMap } from "../metrics/rain";
import { type Citation, UserError } from "../types";
import type { Dataset, Source } from "./dataset";
import { type DayRule, isDayRule, ruleOfDays } from "./dayLists";
import { stamp } from "./folder";
import type { NpyData } from "./formats/npy";
import { fromFrames } from "./frameSource";
import { type FrameStream, type PrepareOptions, prepareFrames } from "./prepared";
import { resizer } from "./resize";
import { cuttings, type SplitRule, splitClips } from "./splits";

/** What radars saw at one time, [height, width], north up. */
export interface RadarPicture {
  readonly height: number;
  readonly width: number;
  /** What values are: rain rates, reflectivities, both NaN where nothing was measured, or levels 0..255 of the rain map. */
  readonly unit: "mm/h" | "dBZ" | "level";
  readonly values: Float32Array | Uint8Array;
  /** Names it in errors. */
  readonly where: string;
}

/** An unbroken series of pictures. */
export interface RadarRecording {
  readonly name: string;
  /** The files they come from. */
  readonly files: readonly string[];
  pictures(): AsyncIterable<RadarPicture>;
}

/** Pixels that are always 0, [height, width]: 1 for those. */
export interface RadarMask {
  readonly height: number;
  readonly width: number;
  readonly excluded: Uint8Array;
}

export interface RadarOptions {
  /** Frames in a clip. Default 20. */
  readonly time?: number;
  /** Takes every `step`-th frame. Default 1. */
  readonly step?: number;
  /** Frames of the recording from one training clip to the next. Default time x step: clips do not overlap. */
  readonly stride?: number;
  /** Side of the frames, or [height, width]. Default: as they are. */
  readonly size?: number | readonly [height: number, width: number];
  /** Which recordings or days train, validate and test. Default: the last fifth to test, a tenth before it to validate. */
  readonly split?: SplitRule | DayRule;
  /** Of prepared frames; see `prepareFrames`. */
  readonly cache?: string;
  readonly onProgress?: PrepareOptions["onProgress"];
  /** Told what is missing: listed days at each opening, measurements when the frames are prepared. Default: not told. */
  readonly onRemark?: (line: string) => void;
}

/** Of data that are measured in units, not pixels. */
export interface RainRateOptions extends RadarOptions {
  /** Makes pixels of rain. Default: the data set's. */
  readonly map?: RainMap;
}

export interface Radar {
  readonly name: string;
  readonly recordings: readonly RadarRecording[];
  readonly map: RainMap;
  readonly mask?: RadarMask;
  readonly from: Source;
  readonly citation: Citation;
}

/**
 * A data set of radar pictures: made pixels by the rain map, in 8 bits, masked, then resized, once, into the cache. What was not
 * measured counts as no rain. Errors: pictures or a mask of another size, splits and numbers that make no sense, no pictures.
 */
export async function radarData(radar: Radar, options: RadarOptions): Promise<Dataset> {
  const { name, recordings, map, mask, from, citation } = radar;
  const { time = 20, step = 1, stride = time * step, split = {}, cache, onProgress, onRemark } = options;
  const cutting = cuttings(time, step, stride);
  const size = typeof options.size === "number" ? ([options.size, options.size] as const) : options.size;
  const range = [map.toDbz(0), map.toDbz(1)] as const;
  const about = {
    ...{ radar: name, size, range, pixels: [0.5, 5, 50].map(map.toPixel), mask: mask && digest(mask.excluded) },
    recordings: recordings.map(({ name: of, files }) => [
      of,
      digest(JSON.stringify(files.map((path) => [resolve(path), ...stamp(path)]))),
    ]),
  };
  const prepare = { name, about, cache, onProgress };
  const source = await prepareFrames(prepare, () => levelStream(radar, size, onRemark));
  const { rule, absent } = isDayRule(split) ? ruleOfDays(split, source.recordings) : { rule: split, absent: [] };
  if (absent.length > 0) onRemark?.(`${name}: no pictures of ${absent.length} listed days, such as ${absent[0]}`);
  const splits = splitClips(name, source, rule, cutting);
  return fromFrames({ name, source, time, step, splits, unit: "dBZ", range, from, citation });
}

const digest = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");

/** All pictures as pixels, one by one. */
async function levelStream(
  { name, recordings, map, mask }: Radar,
  size: readonly [height: number, width: number] | undefined,
  onRemark: RadarOptions["onRemark"],
): Promise<FrameStream> {
  const first = await firstPicture(recordings);
  const requireSize = (what: string, { height, width }: { height: number; width: number }) => {
    if (height !== first.height || width !== first.width)
      throw new UserError(
        `${what} is ${height} x ${width}, expected ${first.height} x ${first.width} like ${first.where}`,
      );
  };
  if (mask) requireSize(`${name}: the mask`, mask);
  const resize = size && resizer([first.height, first.width], size);
  const [height, width] = size ?? [first.height, first.width];
  const count = { missing: 0, all: 0 };
  async function* frames(recording: RadarRecording): AsyncGenerator<Uint8Array> {
    for await (const picture of recording.pictures()) {
      requireSize(picture.where, picture);
      const { levels, missing } = radarLevels(picture, map);
      if (mask) for (let i = 0; i < levels.length; i++) if (mask.excluded[i]) levels[i] = 0;
      count.missing += missing;
      count.all += levels.length;
      yield resize ? resize(levels) : levels;
    }
  }
  return {
    ...{ height, width, channels: 1, type: "u1" },
    async *recordings() {
      for (const recording of recordings) yield { name: recording.name, frames: frames(recording) };
      if (count.missing > 0)
        onRemark?.(`${name}: ${count.missing} of ${count.all} pixels were not measured, they count as no rain`);
    },
  };
}

async function firstPicture(recordings: readonly RadarRecording[]): Promise<RadarPicture> {
  for (const recording of recordings) for await (const picture of recording.pictures()) return picture;
  throw new UserError("expected radar pictures, got none");
}

/** The pixels of a picture, rounded to 8 bits, in memory of their own; NaN becomes 0. */
export function radarLevels({ values, unit }: RadarPicture, map: RainMap): { levels: Uint8Array; missing: number } {
  if (unit === "level") return { levels: Uint8Array.from(values), missing: 0 };
  const [low, high] = [map.toDbz(0), map.toDbz(1)];
  const pixel = unit === "mm/h" ? map.toPixel : (dbz: number) => Math.min(Math.max((dbz - low) / (high - low), 0), 1);
  const levels = new Uint8Array(values.length);
  let missing = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) missing++;
    else levels[i] = Math.round(255 * pixel(values[i]));
  }
  return { levels, missing };
}

/** The numbers of a file as what they mean. */
export function measured(raw: NpyData, meaning: (raw: number) => number): Float32Array {
  const values = new Float32Array(raw.length);
  for (let i = 0; i < raw.length; i++) values[i] = meaning(Number(raw[i]));
  return values;
}
