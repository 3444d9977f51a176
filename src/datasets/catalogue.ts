import { existsSync, statSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { type Citation, UserError } from "../types";
import type { Dataset } from "./dataset";
import { checkFile, type DownloadOptions, download, type ExpectedFile } from "./download";
import { listFiles } from "./folder";
import { cacheFolder, type PrepareOptions } from "./prepared";
import { isStandIn } from "./standIns/mark";
import { unpack } from "./unpack";

export interface OpenOptions {
  /** Where the files are. */
  readonly from?: string;
  /** Which of the data set's profiles. */
  readonly profile?: string;
  /** Frames in a clip. Default: the data set's. */
  readonly time?: number;
  readonly cache?: string;
  readonly onProgress?: PrepareOptions["onProgress"];
}

/** A data set as the catalogue knows it. */
export interface CatalogueEntry {
  readonly name: string;
  /** One line for people. */
  readonly title: string;
  readonly citation: Citation;
  /** The official address. */
  readonly url: string;
  readonly licence: string;
  /** How one gets the files that have no address of their own. */
  readonly how: string;
  readonly files: readonly ExpectedFile[];
  readonly profiles: readonly string[];
  /** Nothing has to be fetched. */
  readonly generated?: boolean;
  open(options: OpenOptions): Dataset | Promise<Dataset>;
  /** Writes simulated files of the same format into a folder. */
  standIn?(folder: string, seed: number): Promise<unknown>;
}

/** Where a data set's own files lie, if nobody says otherwise. */
export const rawFolder = (name: string): string => join(cacheFolder(), "raw", name);

/** Where a stand-in lies; it is written there if it is not yet. Error: the data set has none. */
export async function standInFolder({ name, standIn }: CatalogueEntry, seed: number): Promise<string> {
  if (!standIn) throw new UserError(`${name} has no stand-in`);
  const folder = join(cacheFolder(), "stand-ins", `${name}-${seed}`);
  // The mark is written last.
  if (!isStandIn(folder)) await standIn(folder, seed);
  return folder;
}

/** Downloads what has an address and is not there yet, and unpacks archives. Returns the names of those that have none. Errors as for `download`. */
export async function fetchFiles(
  { files }: CatalogueEntry,
  folder: string,
  options: DownloadOptions & { readonly onFile?: (file: ExpectedFile) => void } = {},
): Promise<string[]> {
  const missing: string[] = [];
  for (const file of files) {
    const path = join(folder, file.name);
    if (!existsSync(path)) {
      if (file.url === undefined) {
        missing.push(file.name);
        continue;
      }
      options.onFile?.(file);
      await download(file, path, options);
    }
    if (extname(path) !== ".zip") continue;
    const unpacked = path.slice(0, -".zip".length);
    if (!existsSync(unpacked)) unpack(path, unpacked);
  }
  return missing;
}

export interface Checked {
  readonly name: string;
  /** "same": as published; "present": nothing is known to compare it with. */
  readonly state: "same" | "present" | "missing";
}

/** Compares a data set's files with what is known of them. Error: one differs, with both sizes or checksums. */
export async function checkFiles({ files }: CatalogueEntry, from: string): Promise<Checked[]> {
  const folder = statSync(from, { throwIfNoEntry: false })?.isDirectory() ? from : dirname(from);
  const endings = [...new Set(files.map(({ name }) => extname(name).toLowerCase()))];
  const paths = existsSync(folder) ? listFiles(folder, endings).flatMap((found) => found.paths) : [];
  const results: Checked[] = [];
  for (const file of files) {
    const path = paths.find((found) => basename(found) === basename(file.name));
    if (path !== undefined) await checkFile(path, file);
    const known = file.bytes !== undefined || file.sha256 !== undefined || file.md5 !== undefined;
    results.push({ name: file.name, state: path === undefined ? "missing" : known ? "same" : "present" });
  }
  return results;
}
