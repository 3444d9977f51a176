import { basename, dirname, extname } from "node:path";
import { UserError } from "../types";
import { filesBelow } from "./folder";

export const kthClasses = ["boxing", "handclapping", "handwaving", "jogging", "running", "walking"] as const;
export type KthClass = (typeof kthClasses)[number];

/** What a name such as person01_walking_d1 says. */
export interface KthName {
  readonly name: string;
  readonly person: number;
  readonly kind: KthClass;
}

/** Reads a name, or that of a video or folder, person01_walking_d1_uncomp. */
export function kthName(text: string): KthName | undefined {
  const [, name, person, kind] = /^(person(\d\d)_([a-z]+)_d[1-4])(?:_uncomp)?$/.exec(text) ?? [];
  const known = kthClasses.find((each) => each === kind);
  return known && { name, person: Number(person), kind: known };
}

/** A video: one `.avi` file, or its frames as `.png` files. */
export interface KthVideo extends KthName {
  readonly paths: readonly string[];
}

/**
 * The videos in a folder and those below it, in the order of their names. Errors: none; one that is there twice; frames that are
 * not numbered one after another from 0 or 1 on, as lists would then mean others.
 */
export function kthVideos(root: string): KthVideo[] {
  const found = new Map<string, KthVideo>();
  const add = (text: string, paths: readonly string[]) => {
    const about = kthName(text);
    if (!about) return;
    const other = found.get(about.name);
    if (other) throw new UserError(`${paths[0]}: ${about.name} is there twice, also as ${other.paths[0]}`);
    found.set(about.name, { ...about, paths });
  };
  for (const { paths } of filesBelow(root, [".avi", ".png"], "KTH's videos, or folders of their frames")) {
    const isVideo = (path: string) => extname(path).toLowerCase() === ".avi";
    for (const path of paths.filter(isVideo)) add(basename(path, extname(path)), [path]);
    const frames = paths.filter((path) => !isVideo(path));
    if (frames.length > 0) add(basename(dirname(frames[0])), frames);
  }
  if (found.size === 0)
    throw new UserError(`${root}: expected videos, or folders of frames, named like person01_walking_d1_uncomp`);
  const videos = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { paths } of videos) if (extname(paths[0]).toLowerCase() === ".png") requireNumbered(paths);
  return videos;
}

function requireNumbered(paths: readonly string[]): void {
  const number = (path: string) => Number(/(\d+)\D*$/.exec(basename(path, extname(path)))?.[1] ?? Number.NaN);
  const first = number(paths[0]) === 0 ? 0 : 1;
  const wrong = paths.findIndex((path, i) => number(path) !== first + i);
  if (wrong >= 0) throw new UserError(`${paths[wrong]}: expected frame ${first + wrong}, numbered in its name`);
}
