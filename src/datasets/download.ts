import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { makeFolder, readFile, writeAtomic } from "../files";
import { UserError } from "../types";

/** A file that a data set consists of. What is not known is left out. */
export interface ExpectedFile {
  readonly name: string;
  readonly bytes?: number;
  readonly sha256?: string;
  readonly md5?: string;
  /** Where it can be had directly. */
  readonly url?: string;
}

export interface DownloadOptions {
  readonly onProgress?: (done: number, total: number | undefined) => void;
  /** Milliseconds without a byte after which the connection is given up. Default 60,000. */
  readonly patience?: number;
}

/**
 * Downloads a file to `path`, where it appears only when it is whole and has the expected size and checksum. What an interrupted
 * download has brought lies beside it as `.part`, and the next one goes on from there, where the server still has the same file.
 * Errors: no answer, an answer that is no success, cut off, a full disk, another size or checksum: then nothing is kept.
 */
export async function download(file: ExpectedFile, path: string, options: DownloadOptions = {}): Promise<void> {
  const { url } = file;
  if (url === undefined || !/^https?:/.test(url)) throw new UserError(`${file.name}: no address to download it from`);
  const [part, tag] = [`${path}.part`, `${path}.part.tag`];
  makeFolder(dirname(path));
  await fetchRest(file, url, { part, tag }, options);
  try {
    await checkFile(part, file, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  } finally {
    rmSync(tag, { force: true });
  }
  renameSync(part, path);
}

async function fetchRest(
  { name, bytes: expected }: ExpectedFile,
  url: string,
  { part, tag }: { readonly part: string; readonly tag: string },
  { onProgress, patience = 60_000 }: DownloadOptions,
): Promise<void> {
  const stop = new AbortController();
  let timer = setTimeout(() => stop.abort(), patience);
  let output: number | undefined;
  let done = existsSync(part) && existsSync(tag) ? statSync(part).size : 0;
  try {
    // The server sends the rest only of the same file, and else the whole.
    const headers = done > 0 ? { Range: `bytes=${done}-`, "If-Range": readFile(tag, "tag").toString() } : undefined;
    const response = await fetch(url, { headers, signal: stop.signal });
    // Nothing is left to send.
    if (response.status === 416 && done > 0) return;
    if (!response.ok || !response.body) throw new UserError(`${url} answers ${response.status}, expected the file`);
    if (response.status !== 206) done = 0;
    const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
    if (response.status === 206 && Number(start) !== done)
      throw new UserError(`${url} sends bytes from ${start} on, expected ${done}`);
    const mark = response.headers.get("etag") ?? response.headers.get("last-modified");
    if (mark !== null && !mark.startsWith("W/")) writeAtomic(tag, mark);
    else rmSync(tag, { force: true });
    const length = response.headers.get("content-length");
    const total = expected ?? (length === null ? undefined : done + Number(length));
    output = openSync(part, done > 0 ? "a" : "w");
    for await (const bytes of response.body) {
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(), patience);
      done += bytes.length;
      if (total !== undefined && done > total)
        throw new UserError(`${url} sends more than the expected ${total} bytes`);
      writeFileSync(output, bytes);
      onProgress?.(done, total);
    }
    fsyncSync(output);
    if (total !== undefined && done < total) throw new UserError(`${name}: cut off after ${done} of ${total} bytes`);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code, message, cause } = error as NodeJS.ErrnoException & { cause?: Error };
    if (code === "ENOSPC")
      throw new UserError(`${part}: the disk is full after ${done} bytes; make room and run it again`);
    const reason = stop.signal.aborted ? `no answer for ${patience / 1000} s` : (cause?.message ?? message);
    throw new UserError(`${url}: ${reason}, after ${done} bytes; run it again to go on`);
  } finally {
    clearTimeout(timer);
    if (output !== undefined) closeSync(output);
  }
}

/** Compares a file with what is known of it; `shown` names it in errors. Error: missing, another size or checksum, with both. */
export async function checkFile(path: string, { name, bytes, sha256, md5 }: ExpectedFile, shown = path): Promise<void> {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new UserError(`${shown}: expected the file ${name}, found none`);
  if (bytes !== undefined && size !== bytes) throw new UserError(`${shown}: expected ${bytes} bytes, got ${size}`);
  for (const [kind, expected] of Object.entries({ sha256, md5 })) {
    if (expected === undefined) continue;
    const hash = createHash(kind);
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
    const got = hash.digest("hex");
    if (got !== expected) throw new UserError(`${shown}: expected ${kind} ${expected}, got ${got}`);
  }
}
