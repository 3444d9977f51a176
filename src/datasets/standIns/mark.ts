import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeAtomic } from "../../files";

/** A file of this name in a folder says that the data in it are a stand-in. */
const MARK = "STAND-IN.txt";

/** Marks a folder of simulated data, so that no table or picture made of them can be taken for the real ones. */
export function markStandIn(folder: string, of: string, seed: number): void {
  writeAtomic(
    join(folder, MARK),
    `Simulated data in the file format of ${of}, made from seed ${seed}. Not ${of}: scores on them say nothing about it.\n`,
  );
}

/** Whether the data of a folder, or of a file's folder, are a stand-in. */
export function isStandIn(from: string): boolean {
  const folder = statSync(from, { throwIfNoEntry: false })?.isDirectory() ? from : dirname(from);
  return existsSync(join(folder, MARK));
}

/** The data set's name, with "stand-in" where that is so. */
export const nameOf = (name: string, from: string): string => (isStandIn(from) ? `${name} stand-in` : name);

/** How the files of a data set came here. */
export const howFrom = (from: string): string =>
  isStandIn(from) ? "a stand-in, simulated in the same file format" : "your own files";
