import { basename } from "node:path";
import { UserError } from "../types";
import { Hdf5File } from "./formats/hdf5";

/** Whole days that follow each other, in rows that do. */
export interface DayRun {
  readonly path: string;
  /** Of the file and the first day. */
  readonly name: string;
  /** Of the first day's first slot. */
  readonly row: number;
  readonly days: number;
}

export interface WholeDays {
  readonly runs: readonly DayRun[];
  /** Slots of a day. */
  readonly slots: number;
  readonly height: number;
  readonly width: number;
  /** Days that have rows but not each slot once and in order. */
  readonly dropped: number;
}

interface Year {
  readonly path: string;
  readonly stamps: readonly { readonly day: string; readonly slot: number }[];
}

/**
 * The whole days of yearly files of the DeepST layout. Errors: data sets that are missing or of other shapes, files that differ in
 * size or length of slots, stamps that are no `yyyymmddSS`, numbers of slots that do not fit a day.
 */
export async function wholeDays(
  files: readonly { readonly path: string; readonly slots: number }[],
  firstSlot?: 0 | 1,
): Promise<WholeDays> {
  const [{ path: firstPath, slots }] = files;
  let [height, width] = [0, 0];
  const years: Year[] = [];
  for (const file of files) {
    const { path } = file;
    if (file.slots !== slots)
      throw new UserError(`${path} has ${file.slots} slots a day, expected ${slots} like ${firstPath}`);
    await Hdf5File.using(path, (opened) => {
      const { shape } = opened.array("data", 4);
      const texts = opened.array("date", 1).texts();
      if (shape[1] !== 2 || shape[0] !== texts.length || shape[2] * shape[3] === 0)
        throw new UserError(
          `${path}: data has axes [${shape.join(", ")}] and date ${texts.length} entries, expected [${texts.length}, 2, height, width]`,
        );
      if (height === 0) [, , height, width] = shape;
      if (shape[2] !== height || shape[3] !== width)
        throw new UserError(
          `${path}: grid of ${shape[2]} x ${shape[3]}, expected ${height} x ${width} like ${firstPath}`,
        );
      years.push({ path, stamps: texts.map((text) => parseStamp(text, path)) });
    });
  }
  const numbers = years.flatMap(({ stamps }) => stamps.map(({ slot }) => slot));
  const first = firstSlot ?? (numbers.includes(0) ? 0 : 1);
  const wrong = numbers.find((slot) => slot < first || slot >= first + slots);
  if (wrong !== undefined)
    throw new UserError(`${firstPath}: expected slots from ${first} to ${first + slots - 1}, got ${wrong}`);
  const found = years.map((year) => runsOf(year, slots, first));
  return {
    runs: found.flatMap(({ runs }) => runs),
    ...{ slots, height, width },
    dropped: found.reduce((sum, { dropped }) => sum + dropped, 0),
  };
}

function parseStamp(text: string, path: string): Year["stamps"][number] {
  const [, day, slot] = /^(\d{8})(\d{2})$/.exec(text) ?? [];
  if (day === undefined || Number.isNaN(timeOf(day)))
    throw new UserError(`${path}: expected dates such as 2013070101, got ${JSON.stringify(text.slice(0, 20))}`);
  return { day, slot: Number(slot) };
}

const timeOf = (day: string): number => Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00Z`);
const DAY = 24 * 60 * 60 * 1000;

function runsOf({ path, stamps }: Year, slots: number, first: number): { runs: DayRun[]; dropped: number } {
  const rows = new Map<string, number>();
  for (const { day } of stamps) rows.set(day, (rows.get(day) ?? 0) + 1);
  const isWhole = (row: number) => {
    const { day } = stamps[row];
    if (rows.get(day) !== slots) return false;
    return stamps.slice(row, row + slots).every((stamp, k) => stamp.day === day && stamp.slot === first + k);
  };
  const runs: DayRun[] = [];
  let kept = 0;
  let next: { row: number; time: number } | undefined;
  for (let row = 0; row < stamps.length; ) {
    if (!isWhole(row)) {
      row++;
      continue;
    }
    const { day } = stamps[row];
    const time = timeOf(day);
    if (next?.row === row && next.time === time) {
      const last = runs[runs.length - 1];
      runs[runs.length - 1] = { ...last, days: last.days + 1 };
    } else runs.push({ path, name: `${basename(path, ".h5")}/${day}`, row, days: 1 });
    kept++;
    row += slots;
    next = { row, time: time + DAY };
  }
  return { runs, dropped: rows.size - kept };
}
