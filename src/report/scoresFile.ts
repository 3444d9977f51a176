import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Split } from "../datasets/dataset";
import { readFile, writeAtomic } from "../files";
import type { ScoreReport } from "../metrics/evaluate";
import { UserError } from "../types";
import { csvLine, parseCsv } from "./csv";

/** A score of one predicted frame, a line of `scores.csv`. */
export interface ScoreRow {
  /** Optimiser steps of the weights that were scored. */
  readonly iteration: number;
  readonly split: Split;
  /** How many clips, the first ones of the split. */
  readonly clips: number;
  readonly forecaster: string;
  readonly score: string;
  /** Counted from 1: prediction 1 is of the clip's second frame. */
  readonly frame: number;
  readonly value: number;
}

/** The score of one clip, mean over the horizon, a line of `clips.csv`. */
export interface ClipRow {
  readonly iteration: number;
  readonly split: Split;
  readonly clip: string;
  readonly forecaster: string;
  readonly score: string;
  readonly value: number;
}

/** Scores of some forecasters on the first clips of a split, as `evaluate` gives them. */
export interface Evaluation {
  readonly iteration: number;
  readonly split: Split;
  /** Names of the clips, in their order. */
  readonly ids: readonly string[];
  readonly reports: Readonly<Record<string, readonly ScoreReport[]>>;
}

interface Kind {
  readonly expected: string;
  read(text: string): string | number | undefined;
}
const whole: Kind = {
  expected: "a whole number",
  read: (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
};
const number: Kind = {
  expected: "a number",
  read: (text) => (text === "NaN" || (text.trim() !== "" && !Number.isNaN(Number(text))) ? Number(text) : undefined),
};
const text: Kind = { expected: "a text", read: (given) => given || undefined };
const split: Kind = {
  expected: "train, validation or test",
  read: (given) => (["train", "validation", "test"].includes(given) ? given : undefined),
};

/** A file of rows; all columns but the last, `value`, are the key. */
interface Sheet<R> {
  readonly file: string;
  readonly columns: readonly (readonly [title: string, key: keyof R & string, kind: Kind])[];
}
const scoresSheet: Sheet<ScoreRow> = {
  file: "scores.csv",
  columns: [
    ["iteration", "iteration", whole],
    ["split", "split", split],
    ["clips", "clips", whole],
    ["forecaster", "forecaster", text],
    ["score", "score", text],
    ["predicted_frame", "frame", whole],
    ["value", "value", number],
  ],
};
const clipsSheet: Sheet<ClipRow> = {
  file: "clips.csv",
  columns: [
    ["iteration", "iteration", whole],
    ["split", "split", split],
    ["clip", "clip", text],
    ["forecaster", "forecaster", text],
    ["score", "score", text],
    ["value", "value", number],
  ],
};

/** Scores per frame of a run; none where nothing was evaluated. Errors: a damaged file, with the number of its row. */
export const readScores = (folder: string): ScoreRow[] => read(folder, scoresSheet);

/** Scores per clip of a run. Errors as for `readScores`. */
export const readClipScores = (folder: string): ClipRow[] => read(folder, clipsSheet);

/**
 * Adds an evaluation to a run's `scores.csv` and `clips.csv`. Nothing there is ever changed: what is there already stays, and must
 * be equal to within rounding (1e-4 of the value: engines and batches of other sizes round otherwise).
 * Errors: other numbers for what was scored before (nothing is written then), a damaged file, one that cannot be written.
 */
export function addScores(folder: string, evaluation: Evaluation): { scores: string; clips: string } {
  const { iteration, split, ids, reports } = evaluation;
  const all = Object.entries(reports).flatMap(([forecaster, list]) => list.map((report) => ({ forecaster, report })));
  const scores = all.flatMap(({ forecaster, report: { name: score, perFrame } }) =>
    perFrame.map((value, i) => ({ iteration, split, clips: ids.length, forecaster, score, frame: i + 1, value })),
  );
  const clips = all.flatMap(({ forecaster, report: { name: score, clips: values } }) =>
    (values ?? []).map((value, i) => ({ iteration, split, clip: ids[i], forecaster, score, value })),
  );
  const writes = [merge(folder, scoresSheet, scores), merge(folder, clipsSheet, clips)];
  const [scoresPath, clipsPath] = writes.map((write) => write());
  return { scores: scoresPath, clips: clipsPath };
}

function read<R>(folder: string, { file, columns }: Sheet<R>): R[] {
  const path = join(folder, file);
  if (!existsSync(path)) return [];
  const [head, ...rows] = parseCsv(readFile(path, "scores").toString("utf8"), path);
  const expected = columns.map(([title]) => title).join(",");
  if (head?.join(",") !== expected) throw new UserError(`${path}: expected the columns ${expected}, got ${head ?? ""}`);
  return rows.map((fields, i) => {
    const where = `${path} row ${i + 2}`;
    if (fields.length !== columns.length) {
      throw new UserError(`${where} has ${fields.length} values, expected ${columns.length}`);
    }
    const entries = columns.map(([title, key, kind], column) => {
      const value = kind.read(fields[column]);
      if (value !== undefined) return [key, value];
      throw new UserError(`${where}: ${title} is "${fields[column]}", expected ${kind.expected}`);
    });
    return Object.fromEntries(entries) as R;
  });
}

const isSame = (a: number, b: number) =>
  Object.is(a, b) || Math.abs(a - b) <= 1e-4 * Math.max(Math.abs(a), Math.abs(b)) + 1e-9;

/** Checks new rows against those of the file; the result writes both, where there is anything new. */
function merge<R extends { readonly value: number }>(folder: string, sheet: Sheet<R>, rows: readonly R[]) {
  const path = join(folder, sheet.file);
  const fields = (row: R) => sheet.columns.map(([, key]) => row[key] as string | number);
  const keyOf = (row: R) => csvLine(fields(row).slice(0, -1));
  const old = read(folder, sheet);
  const known = new Map(old.map((row) => [keyOf(row), row.value]));
  for (const row of rows) {
    const before = known.get(keyOf(row));
    if (before === undefined || isSame(before, row.value)) continue;
    throw new UserError(`${path} has ${before} for ${keyOf(row)}, but now it is ${row.value}: nothing was written`);
  }
  const added = rows.filter((row) => !known.has(keyOf(row)));
  return () => {
    if (added.length === 0) return path;
    const titles = sheet.columns.map(([title]) => title);
    writeAtomic(path, `${[titles, ...[...old, ...added].map(fields)].map(csvLine).join("\n")}\n`);
    return path;
  };
}
