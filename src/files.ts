import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { UserError } from "./types";

/** Reads a whole file; a missing or unreadable one is a `UserError` that names `what` was expected there. */
export function readFile(path: string, what: string): Buffer {
  return reading(path, what, () => readFileSync(path));
}

/** Opens a file to read parts of it. Errors as for `readFile`. */
export function openToRead(path: string, what: string): { file: number; size: number } {
  return reading(path, what, () => {
    const file = openSync(path, "r");
    const stats = fstatSync(file);
    if (stats.isFile()) return { file, size: stats.size };
    closeSync(file);
    throw Object.assign(new Error("no file"), { code: stats.isDirectory() ? "EISDIR" : "no file" });
  });
}

/** Bytes [at, at + length) of an open file; `path` names it. Error: it ends before. */
export function readPart(file: number, at: number, length: number, path: string): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const got = readSync(file, bytes, done, length - done, at + done);
    if (got === 0) throw new UserError(`${path} is cut off: expected ${at + length} bytes at least, got ${at + done}`);
    done += got;
  }
  return bytes;
}

function reading<T>(path: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") throw new UserError(`${what} not found: expected a file at ${path}`);
    if (code === "EISDIR") throw new UserError(`${what}: expected a file, got a folder: ${path}`);
    throw new UserError(`${what} cannot be read: ${path} (${code ?? (error as Error).message})`);
  }
}

/** Reads a JSON file. Errors: missing, unreadable, or not JSON. */
export function readJson(path: string, what: string): unknown {
  const text = readFile(path, what).toString("utf8");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${what} is not JSON: ${path} (${(error as Error).message})`);
  }
}

/**
 * Writes a file so that at any moment either the old or the whole new content is there: temporary name in the same
 * folder, fsync, rename. Creates the folder. On failure (full disk, read-only folder) nothing is left behind.
 */
export function writeAtomic(path: string, ...parts: (string | Uint8Array)[]): void {
  const temporary = `${path}.${process.pid}.tmp`;
  let file: number | undefined;
  let begun = false;
  try {
    makeFolder(dirname(path));
    file = openSync(temporary, "wx");
    begun = true;
    for (const part of parts) writeFileSync(file, part);
    fsyncSync(file);
    closeSync(file);
    file = undefined;
    renameSync(temporary, path);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    if (begun) rmSync(temporary, { force: true });
    throw cannotWrite(path, error as NodeJS.ErrnoException);
  }
}

/** The same for a file that another program or library makes: `write` makes it under the temporary name it is given. */
export async function placeAtomic(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    makeFolder(dirname(path));
    await write(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const failure = error as NodeJS.ErrnoException;
    throw failure.code === undefined ? failure : cannotWrite(path, failure);
  }
}

/** A file that grows. Error of all its functions: the system refuses, such as on a full disk; what was written before stays. */
export interface Appender {
  /** Appends in one write: a process that is killed leaves all of it or, in the middle of it, its beginning. */
  append(bytes: Uint8Array): void;
  /** The last byte; nothing in an empty file. */
  last(): number | undefined;
  /** Returns when everything is on the disk itself. */
  flush(): void;
  close(): void;
}

/** Opens a file to append to it; `"new"`: it must not be there yet. Error: as for all of `Appender`. */
export function openToAppend(path: string, which: "new" | "any"): Appender {
  const system = <T>(call: () => T): T => {
    try {
      return call();
    } catch (error) {
      throw cannotWrite(path, error as NodeJS.ErrnoException);
    }
  };
  const file = system(() => openSync(path, which === "new" ? "ax+" : "a+"));
  return {
    append: (bytes) =>
      system(() => {
        // A disk that is full takes a part without an error.
        if (writeSync(file, bytes) < bytes.length) throw Object.assign(new Error("cut off"), { code: "ENOSPC" });
      }),
    last: () =>
      system(() => {
        const byte = new Uint8Array(1);
        const { size } = fstatSync(file);
        return size > 0 && readSync(file, byte, 0, 1, size - 1) === 1 ? byte[0] : undefined;
      }),
    flush: () => system(() => fsyncSync(file)),
    close: () => closeSync(file),
  };
}

/** What is said where a system call failed that was to write `path`; `verb` is what was done. */
export const cannotWrite = (path: string, { code, message }: NodeJS.ErrnoException, verb = "write"): UserError =>
  new UserError(`cannot ${verb} ${path}: ${code === "ENOSPC" ? "the disk is full" : message}`);

/** Makes a folder and those above it. Not Node's recursive way, which never ends where the system refuses, as in /proc. */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
}
