import { closeSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { UnzipFile } from "fflate";
import { cannotWrite, makeFolder, openToRead } from "../files";
import { UserError } from "../types";
import { leadsOut, unzipPieces } from "../zip";

/** Packed bytes read at once. */
const PIECE = 2 ** 16;
/** Bytes of all files together that are no mistake. */
const MOST_BYTES = 2 ** 36;

/**
 * Unpacks a zip archive piece by piece into `folder`, which appears under its name only when it is whole. Errors: missing, damaged or
 * cut off, names that lead out of the folder, more than 64 GiB, a full disk; then nothing of it stays. The checksums within
 * are not compared.
 */
export function unpack(path: string, folder: string): void {
  const archive = openToRead(path, "zip archive");
  const temporary = `${folder}.${process.pid}.tmp`;
  const open = new Set<number>();
  let [files, total] = [0, 0];
  const place = (entry: UnzipFile) => {
    if (leadsOut(entry.name)) throw new UserError(`${path}: it has a file named ${entry.name.slice(0, 100)}`);
    if (entry.name.endsWith("/")) return;
    const target = join(temporary, entry.name);
    makeFolder(dirname(target));
    const output = openSync(target, "wx");
    open.add(output);
    files++;
    entry.ondata = (error, bytes, final) => {
      if (error) throw error;
      total += bytes.length;
      if (total > MOST_BYTES) throw new UserError(`${path}: more than ${MOST_BYTES} bytes`);
      writeFileSync(output, bytes);
      if (!final) return;
      closeSync(output);
      open.delete(output);
    };
    entry.start();
  };
  try {
    makeFolder(temporary);
    for (const _ of unzipPieces(archive, path, PIECE, place));
    if (files === 0 || open.size > 0)
      throw new UserError(`${path}: no zip archive that can be read (${files === 0 ? "no files" : "cut off"})`);
    renameSync(temporary, folder);
  } catch (error) {
    for (const output of open) closeSync(output);
    rmSync(temporary, { recursive: true, force: true });
    if (error instanceof UserError) throw error;
    const failure = error as NodeJS.ErrnoException;
    if (typeof failure.code === "string") throw cannotWrite(path, failure, "unpack");
    // Numbers are fflate's own.
    throw new UserError(`${path}: no zip archive that can be read (${failure.message})`);
  } finally {
    closeSync(archive.file);
  }
}
