import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readFile } from "../files";
import { UserError } from "../types";
import { type KthName, kthName } from "./kthVideos";

/** Frames of a video in which someone is seen, from 1 on, the last one included. */
export interface KthRange extends KthName {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a list of frames in either of the forms there are: a range a line, `person01_walking_d1 1 75`, as in MCnet's lists and
 * those made of them; or all ranges of a video a line, `person01_walking_d1 frames 1-75, 152-225`, as in KTH's own
 * 00sequences.txt, where some are `*missing*` and text stands before the first. Errors: missing; no range; another line.
 */
export function kthRanges(path: string): KthRange[] {
  const ranges: KthRange[] = [];
  let begun = false;
  for (const [i, line] of readFile(path, "list of frames").toString("utf8").split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const found = rangesOf(line.trim());
    if (!found) {
      if (!begun && !/^person\d/.test(line)) continue;
      throw new UserError(
        `${path}, line ${i + 1}: expected a video and its frames, such as person01_walking_d1 1 75, got ${line.trim().slice(0, 80)}`,
      );
    }
    begun = true;
    ranges.push(...found);
  }
  if (ranges.length === 0) throw new UserError(`${path}: expected a list of videos and their frames, got none`);
  return ranges;
}

/** The lists that lie beside the videos: those of MCnet's form where there are some, else KTH's own; none where there is neither. */
export function listsIn(folder: string): string[] | undefined {
  const names = readdirSync(folder).sort();
  for (const form of [/(_data_list.*|^frames)\.txt$/, /^00sequences\.txt$/]) {
    const found = names.filter((name) => form.test(name));
    if (found.length > 0) return found.map((name) => join(folder, name));
  }
  return undefined;
}

function rangesOf(line: string): KthRange[] | undefined {
  const [, text, rest] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
  const about = kthName(text ?? "");
  if (!about) return;
  if (/^(frames\s+)?\*missing\*$/.test(rest)) return [];
  const pairs = /^\d+\s+\d+$/.test(rest) ? [rest] : rest.replace(/^frames\s+/, "").split(/\s*,\s*/);
  const ranges = pairs.map((pair) => {
    const [, first, last] = /^(\d+)(?:\s+|\s*-\s*)(\d+)$/.exec(pair)?.map(Number) ?? [];
    return { ...about, first, last };
  });
  return ranges.every(({ first, last }) => first >= 1 && last >= first) ? ranges : undefined;
}
