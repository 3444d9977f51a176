import { statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { type Citation, UserError } from "../types";
import { type Dataset, requireWhole, type Source, type Split } from "./dataset";
import { type DayRun, wholeDays } from "./flowDays";
import { filesBelow, stamp } from "./folder";
import { Hdf5File } from "./formats/hdf5";
import { type FrameSource, fromFrames, type Start, starts } from "./frameSource";
import { type FrameStream, type PrepareOptions, prepareFrames } from "./prepared";
import { howFrom, nameOf } from "./standIns/mark";

export interface DeepStOptions {
  /** A folder with the yearly files, such as `BJ13_M32x32_T30_InOut.h5`, or one of them. */
  readonly from: string;
  /**
   * "paper": what the code of the MS-RNN paper does; sets `flows` in, `reversed` and `quantised`, tests and validates on the last
   * four weeks of windows, some of whose frames were trained on, and leaves out windows that no slot follows. Default "clean".
   */
  readonly profile?: "clean" | "paper";
  /** Frames in a clip. Default 8. */
  readonly time?: number;
  /** Channels: flow into each cell, out of it, or both. Default both. */
  readonly flows?: "both" | "in" | "out";
  /** Clips run backwards in time. Default false. */
  readonly reversed?: boolean;
  /** Rounds down to 256 levels; values above the greatest of the training part start again from 0. Default false. */
  readonly quantised?: boolean;
  /** Number of a day's first slot, 0 or 1. Default: 0 where a slot has this number, else 1. */
  readonly firstSlot?: 0 | 1;
  /** Weeks at the end that are tested on, and before them validated on. Default 4 each. */
  readonly weeks?: { readonly test?: number; readonly validation?: number };
  /** Default by the files' names: TaxiBJ, TaxiNYC or BikeNYC. */
  readonly name?: string;
  readonly cache?: string;
  readonly onProgress?: PrepareOptions["onProgress"];
}

export const deepStCitation: Citation = {
  key: "zhang2017deep",
  title: "Deep Spatio-Temporal Residual Networks for Citywide Crowd Flows Prediction",
  authors: "Junbo Zhang, Yu Zheng, Dekang Qi",
  year: 2017,
  url: "https://arxiv.org/abs/1610.00081",
  checked: "yes",
};

/** What is found out when frames are prepared. */
interface Facts {
  /** Of the training part, over both flows. */
  readonly least: number;
  readonly greatest: number;
  readonly slots: number;
  /** Days left out, as some of their slots are missing, repeated or out of order. */
  readonly dropped: number;
}

/** Numbers that are read from a file at once, at most. */
const BLOCK = 2 ** 21;

/**
 * TaxiBJ and its family (TaxiNYC, BikeNYC): flows into and out of the cells of a city's grid, one HDF5 file a year with `data`
 * [slots, 2, height, width] and `date`, texts `yyyymmddSS`. Days with a slot missing, repeated or out of order are left out;
 * negative flows become 0. Scaled by the least and greatest flow of the training part, so later ones may exceed 1. Clips begin at
 * every slot and never reach over a gap; in profile "clean" none lies in two splits. Source: SPEC section 6.3.
 *
 * Throws a UserError for missing or damaged files, data sets of other shapes or lengths, years too short for their test weeks.
 */
export async function deepSt(options: DeepStOptions): Promise<Dataset> {
  const { from, profile = "clean", time = 8, firstSlot, cache, onProgress } = options;
  if (profile !== "clean" && profile !== "paper")
    throw new UserError(`profile: expected clean or paper, got ${profile}`);
  const paper = profile === "paper";
  const { flows = paper ? "in" : "both", reversed = paper, quantised = paper } = options;
  const { test = 4, validation = paper ? 0 : 4 } = options.weeks ?? {};
  if (paper && validation !== 0)
    throw new UserError("weeks: profile paper validates on the test weeks, so expected none to validate");
  requireWhole("time", time, 1);
  requireWhole("test weeks", test, 1);
  requireWhole("validation weeks", validation, 0);
  const files = yearlyFiles(from);
  const name = options.name ?? nameOf(familyOf(files[0]), from);
  const held = test + validation;
  const about = {
    flows: files.map((path) => [resolve(path), ...stamp(path)]),
    settings: { flows, quantised, firstSlot, held },
  };
  const frames = await prepareFrames<Facts>({ name, about, cache, onProgress }, () =>
    flowStream(files, { flows, quantised, firstSlot, heldDays: 7 * held }),
  );
  const { least, greatest, slots, dropped } = frames.facts;
  const cut = paper ? paperClips : cleanClips;
  const source: Source = {
    url: "https://github.com/lucktroy/DeepST/tree/master/data/TaxiBJ",
    licence: "none stated; its authors ask to cite the paper",
    how: `${howFrom(from)}${dropped > 0 ? `, without ${dropped} days whose slots are not whole` : ""}`,
  };
  return fromFrames({
    ...{ name, source: frames, time, reversed, unit: "flow per slot", range: [least, greatest] },
    splits: cut(name, frames, time, { test: test * 7 * slots, validation: validation * 7 * slots }),
    from: source,
    citation: deepStCitation,
  });
}

function yearlyFiles(from: string): string[] {
  const folder = statSync(from, { throwIfNoEntry: false })?.isDirectory();
  const paths = folder ? filesBelow(from, [".h5"], "yearly files").flatMap((found) => found.paths) : [from];
  const yearly = paths.filter((path) => minutesOf(path) !== undefined);
  if (yearly.length === 0) {
    const got = paths.map((path) => basename(path)).slice(0, 3);
    throw new UserError(`${from}: expected files such as BJ13_M32x32_T30_InOut.h5, got ${got.join(", ")}`);
  }
  return yearly;
}

/** Minutes of a slot, from the file's name. */
function minutesOf(path: string): number | undefined {
  const minutes = Number(/_M\d+x\d+_T(\d+)_[^/\\]*\.h5$/i.exec(path)?.[1]);
  return minutes > 0 && (24 * 60) % minutes === 0 ? minutes : undefined;
}

function familyOf(path: string): string {
  const name = basename(path);
  if (name.startsWith("BJ")) return "TaxiBJ";
  return name.includes("Taxi") ? "TaxiNYC" : name.startsWith("NYC") ? "BikeNYC" : basename(dirname(resolve(path)));
}

interface FlowSettings {
  readonly flows: "both" | "in" | "out";
  readonly quantised: boolean;
  readonly firstSlot?: 0 | 1;
  readonly heldDays: number;
}

/** Frames of all whole days; each unbroken run of days is a recording. Two passes: the first finds the scale. */
async function flowStream(files: readonly string[], settings: FlowSettings): Promise<FrameStream<Facts>> {
  const { flows, quantised, heldDays } = settings;
  const years = await wholeDays(
    files.map((path) => ({ path, slots: (24 * 60) / (minutesOf(path) as number) })),
    settings.firstSlot,
  );
  const { runs, slots, height, width, dropped } = years;
  const days = runs.reduce((sum, run) => sum + run.days, 0);
  if (days <= heldDays)
    throw new UserError(
      `${files[0]}: expected more than ${heldDays} whole days, as so many are held back, got ${days} (${dropped} left out)`,
    );
  const cells = height * width;
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let left = (days - heldDays) * slots;
  for (const run of runs) {
    for await (const values of blocks(run, slots, 2 * cells)) {
      const training = Math.min(left * 2 * cells, values.length);
      for (let i = 0; i < training; i++) {
        const value = Math.max(values[i], 0);
        if (Number.isNaN(value)) throw new UserError(`${run.path}: expected flows, got NaN`);
        if (value < least) least = value;
        if (value > greatest) greatest = value;
      }
      left -= values.length / (2 * cells);
      if (left <= 0) break;
    }
    if (left <= 0) break;
  }
  if (!(greatest > least) || !Number.isFinite(greatest))
    throw new UserError(`${files[0]}: expected flows that differ, got ${least} to ${greatest} in the training part`);

  const channels = flows === "both" ? 2 : 1;
  const first = flows === "out" ? 1 : 0;
  const scale = (value: number) => (Math.max(value, 0) - least) / (greatest - least);
  async function* framesOf(run: DayRun): AsyncGenerator<Uint8Array | Float32Array> {
    for await (const values of blocks(run, slots, 2 * cells)) {
      for (let at = 0; at < values.length; at += 2 * cells) {
        const frame = quantised ? new Uint8Array(cells * channels) : new Float32Array(cells * channels);
        for (let i = 0; i < frame.length; i++) {
          const value = scale(values[at + (first + (i % channels)) * cells + Math.floor(i / channels)]);
          // A typed array of bytes keeps the lowest eight bits, as the reference's conversion does.
          frame[i] = quantised ? Math.trunc(255 * value) : value;
        }
        yield frame;
      }
    }
  }
  return {
    ...{ height, width, channels, type: quantised ? "u1" : "f4" },
    facts: { least, greatest, slots, dropped },
    async *recordings() {
      for (const run of runs) yield { name: run.name, frames: framesOf(run) };
    },
  };
}

/** A run's numbers in parts of whole slots. */
async function* blocks({ path, row, days }: DayRun, slots: number, size: number): AsyncGenerator<Float64Array> {
  const rows = Math.max(1, Math.floor(BLOCK / size));
  const file = await Hdf5File.open(path);
  try {
    const data = file.array("data", 4);
    for (let done = 0; done < days * slots; done += rows) {
      const values = data.read(row + done, Math.min(rows, days * slots - done));
      yield values instanceof Float64Array ? values : Float64Array.from(values as Float32Array);
    }
  } finally {
    file.close();
  }
}

type Frames = Readonly<Record<"test" | "validation", number>>;

/** Splits follow each other in time, and no clip reaches over a border. */
function cleanClips(name: string, { recordings }: FrameSource, time: number, held: Frames): Record<Split, Start[]> {
  const total = recordings.reduce((sum, { frames }) => sum + frames, 0);
  const borders = { train: 0, validation: total - held.test - held.validation, test: total - held.test, end: total };
  const cut = (from: number, to: number): Start[] => {
    let before = 0;
    return recordings.flatMap(({ frames }, recording) => {
      const part = [Math.max(from - before, 0), Math.min(to - before, frames)] as const;
      before += frames;
      return starts(recording, part, { time });
    });
  };
  return someClips(name, {
    train: cut(borders.train, borders.validation),
    validation: cut(borders.validation, borders.test),
    test: cut(borders.test, borders.end),
  });
}

/** One list of windows that a slot follows; the last ones are tested and validated on. */
function paperClips(name: string, { recordings }: FrameSource, time: number, held: Frames): Record<Split, Start[]> {
  const all = recordings.flatMap(({ frames }, recording) => starts(recording, [0, frames - 1], { time }));
  const test = all.slice(-held.test);
  return someClips(name, { train: all.slice(0, -held.test), validation: test, test });
}

function someClips(name: string, splits: Record<Split, Start[]>): Record<Split, Start[]> {
  if (splits.train.length === 0 || splits.test.length === 0)
    throw new UserError(
      `${name}: expected clips to train and to test on, got ${splits.train.length} and ${splits.test.length}`,
    );
  return splits;
}
