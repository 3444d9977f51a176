import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cannotWrite, makeFolder } from "../../files";
import { rainMaps } from "../../metrics/rain";
import { random } from "../../random";
import { UserError } from "../../types";
import { requireWhole, type Split } from "../dataset";
import { writeNpz } from "../formats/npz";
import { encodeGreyPng } from "../formats/png";
import { listNames } from "../hko7";
import { digitsOf, minutesOf } from "../radarTime";
import { markStandIn } from "./mark";
import { rainField } from "./rainField";

export interface WriteRainOptions {
  /** Chooses the weather. Default 2022. */
  readonly seed?: number;
  /** Days of each split, one after another from 1 April 2009 on. Default 6, 1 and 2. */
  readonly days?: Partial<Record<Split, number>>;
  /** Pictures of a day, every 6 minutes from midnight on. Default 240, the whole day. */
  readonly pictures?: number;
}

const side = 480;
const minutes = 6;
const wholeDay = (24 * 60) / minutes;

/**
 * Writes a stand-in for HKO-7: simulated radar pictures in its files, for `hko7`, where the real ones, which must be asked for, are
 * not at hand. `radarPNG/yyyy/mm/dd/RADyymmddHHMM00.png` are 480 x 480 levels of 8 bits, level = 255 (dBZ + 10) / 70, 0 beyond the radar's
 * range, and disturbed at a few pixels; `mask_dat.npz` holds the three masks, `hko7_rainy_*_days.txt` the days. Scores on it say
 * nothing about real rain. Equal options give equal files.
 *
 * Throws a UserError for a folder that exists, numbers that make no sense, and a full disk; then nothing of it stays.
 */
export function writeRain(folder: string, options: WriteRainOptions = {}): void {
  const { seed = 2022, days = {}, pictures = wholeDay } = options;
  const counts: Record<Split, number> = { train: 6, validation: 1, test: 2, ...days };
  for (const [name, value] of Object.entries({ ...counts, pictures })) requireWhole(name, value, 1);
  if (pictures > wholeDay)
    throw new UserError(`pictures: expected at most the ${wholeDay} of a whole day, got ${pictures}`);
  if (existsSync(folder)) throw new UserError(`${folder} is there already, expected a new folder`);
  const temporary = `${folder}.${process.pid}.tmp`;
  try {
    makeFolder(temporary);
    const masks = makeMasks(seed);
    writeNpz(
      join(temporary, "mask_dat.npz"),
      Object.entries(masks).map(([name, data]) => [name, { shape: [side, side], data }]),
    );
    let day = 0;
    for (const split of ["train", "validation", "test"] as const) {
      const lines = Array.from({ length: counts[split] }, () =>
        writeDay(temporary, masks, { seed, day: day++, pictures }),
      );
      writeFileSync(join(temporary, listNames[split]), lines.join(""));
    }
    markStandIn(temporary, "HKO-7", seed);
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    const failure = error as NodeJS.ErrnoException;
    throw failure.code === undefined ? failure : cannotWrite(folder, failure);
  }
}

type Masks = Readonly<Record<"outlier_mask" | "exclude_mask" | "out_boundary_mask", Uint8Array>>;

/** 1 beyond the radar's range, at pixels that are often disturbed, and at both. */
function makeMasks(seed: number): Masks {
  const uniform = random("rain masks", seed);
  const centre = (side - 1) / 2;
  const beyond = Uint8Array.from({ length: side * side }, (_, i) =>
    Math.hypot(Math.floor(i / side) - centre, (i % side) - centre) > side / 2 ? 1 : 0,
  );
  const outlier = beyond.map((isBeyond) => (isBeyond === 0 && uniform() < 0.002 ? 1 : 0));
  return {
    outlier_mask: outlier,
    exclude_mask: beyond.map((value, i) => value | outlier[i]),
    out_boundary_mask: beyond,
  };
}

/** Writes the pictures of a day; gives its line for the list, with the mean sum of rain over the radar's range. */
function writeDay(
  folder: string,
  masks: Masks,
  { seed, day, pictures }: Record<"seed" | "day" | "pictures", number>,
): string {
  const midnight = minutesOf("200904010000")! + day * 24 * 60;
  const draw = rainField({ seed, day, pictures, minutes, side });
  const clutter = random("rain clutter", seed, day);
  const field = new Float32Array(side * side);
  const seen = field.length - masks.out_boundary_mask.reduce((sum, value) => sum + value, 0);
  const rates = Float64Array.from({ length: 256 }, (_, level) => (level === 0 ? 0 : rainMaps.hko7.toRate(level / 255)));
  let sum = 0;
  for (let picture = 0; picture < pictures; picture++) {
    draw(picture, field);
    const levels = new Uint8Array(field.length);
    for (let i = 0; i < levels.length; i++) {
      if (masks.out_boundary_mask[i]) continue;
      levels[i] = Math.round(255 * field[i]);
      sum += rates[levels[i]];
      if (masks.outlier_mask[i]) levels[i] = 100 + Math.floor(100 * clutter());
    }
    const digits = digitsOf(midnight + picture * minutes);
    const [year, month, date] = [digits.slice(0, 4), digits.slice(4, 6), digits.slice(6, 8)];
    const path = join(folder, "radarPNG", year, month, date, `RAD${digits.slice(2)}00.png`);
    makeFolder(dirname(path));
    writeFileSync(path, encodeGreyPng(levels, side, side));
  }
  const millimetres = (sum / seen) * (minutes / 60);
  return `${digitsOf(midnight).slice(0, 8)}, ${millimetres.toFixed(1)}\n`;
}
