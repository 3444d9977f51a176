import { extname, relative, resolve } from "node:path";
import { type Citation, UserError } from "../types";
import { type Dataset, requireWhole, type Source, type Split } from "./dataset";
import { stamp } from "./folder";
import { type FrameSource, fromFrames, type Start, starts } from "./frameSource";
import { type KthRange, kthRanges, listsIn } from "./kthLists";
import { type KthClass, type KthName, type KthVideo, kthClasses, kthVideos } from "./kthVideos";
import { pictureStream, picturesAt, videoAt } from "./pictureStream";
import { type PrepareOptions, prepareFrames } from "./prepared";
import { howFrom, isStandIn, nameOf } from "./standIns/mark";

export interface KthOptions {
  /** Folder of the videos, person01_walking_d1_uncomp.avi, or of folders of their frames, person01_walking_d1/1.png; at any depth. */
  readonly from: string;
  /** Lists of the frames to use, as in `kthRanges`. Default: those in the folder, as in `listsIn`, and without any all frames. */
  readonly lists?: string | readonly string[];
  /** Default values of `size` and `direct`. Default "paper". */
  readonly profile?: "paper" | "small";
  /** "three" are walking, jogging and running; "six" are all. Default "three". */
  readonly classes?: "three" | "six";
  /** Side of the frames, or [height, width]. Paper 88, small 44. */
  readonly size?: number | readonly [height: number, width: number];
  /** Resize at once; else to 160 x 160 first. Paper false, small true. */
  readonly direct?: boolean;
  /** Persons of each split. Default: 1 to 16 to train, none to validate, 17 to 25 to test. */
  readonly persons?: Partial<Record<Split, readonly number[]>>;
  /** Frames in a clip. Default 20; with 30 the network of the 2022 results is tested, which predicts 20. */
  readonly time?: number;
  /** Takes every `step`-th frame. Default 1. */
  readonly step?: number;
  /** Frames from one clip to the next. Default: as in the protocol of `classes`. */
  readonly stride?: Partial<Record<Split, number>>;
  /** Of prepared frames; see `prepareFrames`. */
  readonly cache?: string;
  readonly onProgress?: PrepareOptions["onProgress"];
}

const profiles = {
  paper: { size: 88, direct: false },
  small: { size: 44, direct: true },
} as const;

interface Protocol {
  readonly classes: readonly KthClass[];
  /** Frames from one clip to the next. */
  stride(split: Split, kind: KthClass): number;
}

const protocols: Readonly<Record<"three" | "six", Protocol>> = {
  three: {
    classes: ["walking", "jogging", "running"],
    stride: (_, kind) => (kind === "running" ? 3 : 10),
  },
  six: {
    classes: kthClasses,
    stride: (split, kind) => (split === "train" ? 1 : kind === "jogging" || kind === "running" ? 3 : 20),
  },
};

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

export const kthCitation: Citation = {
  key: "schuldt2004recognizing",
  title: "Recognizing Human Actions: A Local SVM Approach",
  authors: "Christian Schuldt, Ivan Laptev, Barbara Caputo",
  year: 2004,
  url: "https://www.csc.kth.se/cvap/actions/",
  checked: "no",
};

const official: Source = {
  url: "https://www.csc.kth.se/cvap/actions/",
  licence: "as its page says, commonly stated as non-commercial use with the citation",
  how: "the videos of each class from the address; lists of frames: 00sequences.txt there, or MCnet's",
};

/**
 * KTH actions: grey videos of 25 persons in 4 scenes, 160 x 120 at 25 frames a second, as clips to predict. Frames are decoded once,
 * by ffmpeg, and stored as 8 bits; of colour the blue channel is taken, as OpenCV-based loaders do. They are resized to 160 x 160 and
 * then to `size`, bilinear with half-pixel centres and without anti-aliasing, rounded to 8 bits after each.
 *
 * Clips begin at every `stride`-th frame of a range of a list, or of a video, as long as they end within it. "three": running 3,
 * jogging and walking 10. "six": 1 to train; to validate and test jogging and running 3, others 20.
 *
 * Frames: [height, width, 1], grey level / 255. Throws a UserError for what is missing or damaged, videos of a list that are not
 * there, ranges that end after their video, persons in two splits, and where no clip is left.
 */
export async function kth(options: KthOptions): Promise<Dataset> {
  const { from, profile = "paper", classes = "three", time = 20, step = 1, stride = {}, cache } = options;
  requireOneOf("profile", profile, profiles);
  requireOneOf("classes", classes, protocols);
  const { size = profiles[profile].size, direct = profiles[profile].direct, onProgress } = options;
  for (const [what, value] of Object.entries({ time, step })) requireWhole(what, value, 1);
  for (const [split, value] of Object.entries(stride)) requireWhole(`stride of ${split}`, value, 1);
  const protocol = protocols[classes];
  const splitOf = splitsOf(options.persons);
  const isUsed = ({ person, kind }: KthName) => splitOf.has(person) && protocol.classes.includes(kind);

  const all = kthVideos(from);
  const { lists = listsIn(from) } = options;
  const ranges = lists === undefined ? undefined : [lists].flat().flatMap(kthRanges).filter(isUsed);
  const videos = listed(all.filter(isUsed), ranges, from);
  const wanted = typeof size === "number" ? ([size, size] as const) : size;
  const sizes = direct ? [wanted] : [[160, 160] as const, wanted];
  const files = videos.map(({ paths }) => paths.map((path) => [relative(from, path), stamp(path)]));
  const frames = await prepareFrames(
    { name: "kth", about: { kth: resolve(from), files, sizes }, cache, onProgress },
    () => pictureStream(videos.map(recordingOf), 1, sizes),
  );

  const splits: Record<Split, Start[]> = { train: [], validation: [], test: [] };
  for (const [recording, first, end] of parts(videos, frames, ranges)) {
    const { person, kind } = videos[recording];
    const split = splitOf.get(person)!;
    const cutting = { time, step, stride: stride[split] ?? protocol.stride(split, kind) };
    splits[split].push(...starts(recording, [first, end], cutting));
  }
  if (Object.values(splits).every(({ length }) => length === 0))
    throw new UserError(`${from}: expected a clip of ${(time - 1) * step + 1} frames at least, found none`);
  const name = `${nameOf("KTH", from)} (${classes} classes)`;
  const source: Source = isStandIn(from) ? { url: "", licence: "generated here", how: howFrom(from) } : official;
  const unit = { unit: "grey level", range: [0, 255] } as const;
  return fromFrames({ name, source: frames, time, step, splits, ...unit, from: source, citation: kthCitation });
}

const recordingOf = ({ name, paths }: KthVideo) =>
  extname(paths[0]).toLowerCase() === ".avi" ? videoAt(name, paths[0], 1, "blue") : picturesAt(name, paths, 1, "blue");

/** The videos of a list, or all. Errors: some are not there; none. */
function listed(videos: KthVideo[], ranges: readonly KthRange[] | undefined, from: string): KthVideo[] {
  if (ranges) {
    const there = new Set(videos.map(({ name }) => name));
    const missing = [...new Set(ranges.map(({ name }) => name))].filter((name) => !there.has(name));
    if (missing.length > 0)
      throw new UserError(`${from}: ${missing.length} videos of the lists are not there, the first is ${missing[0]}`);
  }
  const names = new Set((ranges ?? videos).map(({ name }) => name));
  if (names.size === 0)
    throw new UserError(`${from}: expected videos of the classes and persons asked for, found none`);
  return videos.filter(({ name }) => names.has(name));
}

/** Frames [first, end) of videos that clips are cut from. Error: a range ends after its video. */
function parts(
  videos: readonly KthVideo[],
  { recordings }: FrameSource,
  ranges: readonly KthRange[] | undefined,
): (readonly [recording: number, first: number, end: number])[] {
  if (!ranges) return recordings.map(({ frames }, i) => [i, 0, frames]);
  const places = new Map(videos.map(({ name }, i) => [name, i]));
  return ranges.map(({ name, first, last }) => {
    const place = places.get(name)!;
    const { frames } = recordings[place];
    if (last > frames) throw new UserError(`${name} has ${frames} frames, the list asks for ${first} to ${last}`);
    return [place, first - 1, last];
  });
}

function splitsOf({
  train = range(1, 16),
  validation = [],
  test = range(17, 25),
}: Partial<Record<Split, readonly number[]>> = {}): Map<number, Split> {
  const result = new Map<number, Split>();
  for (const [split, persons] of Object.entries({ train, validation, test }) as [Split, readonly number[]][]) {
    for (const person of persons) {
      const other = result.get(person);
      if (other) throw new UserError(`persons: ${person} is in ${other} and in ${split}`);
      result.set(person, split);
    }
  }
  return result;
}

function requireOneOf(name: string, value: string, of: object): void {
  if (!Object.hasOwn(of, value)) throw new UserError(`${name}: expected ${Object.keys(of).join(" or ")}, got ${value}`);
}
