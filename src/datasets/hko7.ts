import { existsSync } from "node:fs";
import { join } from "node:path";
import { rainMaps } from "../metrics/rain";
import { type Citation, UserError } from "../types";
import type { Dataset, Source } from "./dataset";
import { type DayRule, readDays } from "./dayLists";
import { readImage } from "./formats/image";
import { readNpz } from "./formats/npz";
import { type RadarMask, type RadarOptions, type RadarPicture, radarData } from "./radar";
import { timedFiles } from "./radarTime";
import { howFrom, isStandIn, nameOf } from "./standIns/mark";
import { unbroken } from "./unbroken";

export interface Hko7Options extends RadarOptions {
  /** A folder with pictures `RADyymmddHHMM00.png`, in it or below it, such as `radarPNG/yyyy/mm/dd`. */
  readonly from: string;
  /**
   * Values of `size` and `step`: "all" (128, every picture), "paper" (128, every sixth picture, as the published loader of MS-RNN takes
   * them) or "2022" (88, every picture, an earlier state of it). Default "all".
   */
  readonly profile?: "all" | "paper" | "2022";
  /** The file of masks, or false for pictures that are masked already. Default: `mask_dat.npz` in `from`, if it is there. */
  readonly mask?: string | false;
}

const profiles = { all: { size: 128, step: 1 }, paper: { size: 128, step: 6 }, 2022: { size: 88, step: 1 } } as const;

const source: Source = {
  url: "https://github.com/sxjscience/HKO-7",
  licence: "pictures: on request from the Hong Kong Observatory, for research; lists and masks: MIT",
  how: "your own copy of the pictures",
};

export const hko7Citation: Citation = {
  key: "shi2017deep",
  title: "Deep Learning for Precipitation Nowcasting: A Benchmark and A New Model",
  authors: "Xingjian Shi, Zhihan Gao, Leonard Lausen, Hao Wang, Dit-Yan Yeung, Wai-kin Wong, Wang-chun Woo",
  year: 2017,
  url: "https://arxiv.org/abs/1706.03458",
  checked: "partly",
};

/**
 * HKO-7: radar pictures of Hong Kong every 6 minutes, pixel = (dBZ + 10) / 70 in 8 bits. The days of `hko7_rainy_*_days.txt`, where
 * they lie in `from`, train, validate and test, unless `split` says otherwise. Pixels of the file's `exclude_mask` become 0: those
 * that are 1 in it lie outside the radar's range or are often disturbed, and the authors leave them out of all scores. Their other
 * mask, which leaves out weak echoes picture by picture, is not used.
 *
 * A day without a gap is a recording; clips do not overlap. A folder that `writeRain` wrote is named a stand-in.
 * Errors: as for `radarData`; an unknown profile; damaged pictures, lists or masks; a mask of another size.
 */
export async function hko7(options: Hko7Options): Promise<Dataset> {
  const { from, profile = "all", mask = inFolder(from, "mask_dat.npz") } = options;
  if (!Object.hasOwn(profiles, profile))
    throw new UserError(`profile: expected ${Object.keys(profiles).join(", ")}, got ${profile}`);
  const { size = profiles[profile].size, step = profiles[profile].step } = options;
  const files = timedFiles(from, [".png"], /^RAD(\d{10})00\.png$/i, "RAD150107000600.png");
  const split = options.split ?? (inFolder(from, listNames.train) ? readHko7Days(from) : undefined);
  const pictures = files.map(({ path, time }) => ({ path, time, read: () => readPicture(path) }));
  const radar = {
    name: nameOf("HKO-7", from),
    recordings: unbroken(from, pictures, { split, byDay: true }),
    map: rainMaps.hko7,
    mask: mask ? readMask(mask) : undefined,
    from: isStandIn(from) ? { url: "", licence: "generated here", how: howFrom(from) } : source,
    citation: hko7Citation,
  };
  return radarData(radar, { ...options, size, step, split });
}

/** Names of the published lists. */
export const listNames = {
  train: "hko7_rainy_train_days.txt",
  validation: "hko7_rainy_valid_days.txt",
  test: "hko7_rainy_test_days.txt",
} as const;

/** The lists of rainy days as they are published, 812, 50 and 131 of them. Errors: missing, damaged. */
export function readHko7Days(folder: string): DayRule {
  const days = (name: string) => readDays(join(folder, name));
  const { train, validation, test } = listNames;
  return { days: { train: days(train), validation: days(validation), test: days(test) } };
}

function inFolder(folder: string, name: string): string | false {
  const path = join(folder, name);
  return existsSync(path) && path;
}

async function readPicture(path: string): Promise<RadarPicture> {
  const { height, width, levels } = await readImage(path);
  return { height, width, unit: "level", values: levels, where: path };
}

function readMask(path: string): RadarMask {
  const name = "exclude_mask";
  const { shape, data } = readNpz(path, [name]).get(name)!;
  const excluded = Uint8Array.from(data as Iterable<number | bigint>, Number);
  if (shape.length !== 2 || excluded.some((value) => value > 1))
    throw new UserError(
      `${path}: expected ${name} with two axes of 0 and 1, got axes [${shape.join(", ")}] or other values`,
    );
  const [height, width] = shape;
  return { height, width, excluded };
}
