import { UserError } from "../types";
import { requireWhole, type Split } from "./dataset";
import { type Cutting, type FrameSource, type Start, starts } from "./frameSource";

/**
 * Which recordings, or which part of one, belong to which split: shares in their order, the rest to train on; or their names.
 * A recording is never in two splits, but where there is only one: then its frames are divided, in time.
 */
export type SplitRule =
  | { readonly validation?: number; readonly test?: number }
  | { readonly [split in Split]?: readonly string[] };

const isList = (rule: SplitRule): rule is { readonly [split in Split]?: readonly string[] } =>
  Object.values(rule).some((value) => Array.isArray(value));

/**
 * How clips of each split are cut: those to train on begin every `stride` frames, those to validate and test follow each other
 * without overlap. Error: numbers that are not whole from 1 on.
 */
export function cuttings(time: number, step: number, stride: number): Record<Split, Cutting> {
  for (const [name, value] of Object.entries({ time, step, stride })) requireWhole(name, value, 1);
  const apart: Cutting = { time, step, stride: time * step };
  return { train: { time, step, stride }, validation: apart, test: apart };
}

/**
 * The beginnings of the clips of each split. Test and validation clips do not overlap each other: their stride is the length of a
 * clip, where `cutting` says nothing else. Errors: names of recordings that are not there, or twice; shares that make no sense; a
 * recording shorter than a clip.
 */
export function splitClips(
  name: string,
  { recordings }: FrameSource,
  rule: SplitRule,
  cutting: Readonly<Record<Split, Cutting>>,
): Record<Split, Start[]> {
  const all: readonly Split[] = ["train", "validation", "test"];
  const parts = isList(rule) ? byName(name, recordings, rule) : byShare(name, recordings, rule);
  const cut = (split: Split) =>
    parts[split].flatMap(([recording, first, end]) => starts(recording, [first, end], cutting[split]));
  const result = { train: cut("train"), validation: cut("validation"), test: cut("test") };
  if (all.every((split) => result[split].length === 0)) {
    const longest = recordings.reduce((most, { frames }) => Math.max(most, frames), 0);
    const { time, step = 1 } = cutting.train;
    throw new UserError(
      `${name}: expected a recording of ${(time - 1) * step + 1} frames at least in one of the splits, the longest has ${longest} for all`,
    );
  }
  return result;
}

/** Frames [first, end) of a recording. */
type Part = readonly [recording: number, first: number, end: number];
type Parts = Record<Split, Part[]>;

function byName(
  name: string,
  recordings: FrameSource["recordings"],
  rule: { readonly [split in Split]?: readonly string[] },
): Parts {
  const places = new Map(recordings.map((recording, i) => [recording.name, i]));
  const taken = new Set<string>();
  const of = (split: Split): Part[] =>
    (rule[split] ?? []).map((wanted) => {
      const found = places.get(wanted);
      if (found === undefined) throw new UserError(`${name}: no recording ${wanted}, named in ${split}`);
      if (taken.has(wanted)) throw new UserError(`${name}: recording ${wanted} is named twice, again in ${split}`);
      taken.add(wanted);
      return [found, 0, recordings[found].frames];
    });
  return { train: of("train"), validation: of("validation"), test: of("test") };
}

function byShare(name: string, recordings: FrameSource["recordings"], rule: SplitRule): Parts {
  const { validation = 0.1, test = 0.2 } = rule as { validation?: number; test?: number };
  if (!(validation >= 0 && test >= 0 && validation + test <= 1)) {
    throw new UserError(
      `${name}: expected shares of validation and test from 0, at most 1 together, got ${validation} and ${test}`,
    );
  }
  const ends = (total: number) => [
    total - Math.round(total * (validation + test)),
    total - Math.round(total * test),
    total,
  ];
  if (recordings.length === 1) {
    const [train, valid, all] = ends(recordings[0].frames);
    return { train: [[0, 0, train]], validation: [[0, train, valid]], test: [[0, valid, all]] };
  }
  const [train, valid, all] = ends(recordings.length);
  const part = (from: number, to: number) =>
    recordings.slice(from, to).map(({ frames }, i): Part => [from + i, 0, frames]);
  return { train: part(0, train), validation: part(train, valid), test: part(valid, all) };
}
