import { createHash } from "node:crypto";
import { gunzipSync, constants as zlib } from "node:zlib";
import { readFile } from "../../files";
import { UserError } from "../../types";

/** An IDX array of unsigned bytes in C order. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Deflate cannot shrink more than this, so a header that asks for more is a lie. */
const greatestRatio = 1032;
const unsignedByte = 0x08;

/**
 * Reads an IDX file: unsigned bytes, one to four axes, plain or gzip (told by the first two bytes, not by the name).
 *
 * `sha256` is the checksum of the file as stored; a file that differs is refused with both. Throws a UserError with
 * path, expected and found size for a missing, foreign, truncated or oversized file; nothing is allocated on the word
 * of a header alone.
 *
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", file formats.
 */
export function readIdx(path: string, { sha256 }: { sha256?: string } = {}): IdxArray {
  const bytes = readFile(path, "IDX file");
  const actual = sha256 && createHash("sha256").update(bytes).digest("hex");
  if (actual !== sha256) throw new UserError(`${path}: expected sha256 ${sha256}, got ${actual}`);
  return parseIdx(bytes, path);
}

/** The same from bytes in memory; `where` names them in errors. The result shares memory with plain (not gzip) bytes. */
export function parseIdx(bytes: Uint8Array, where: string): IdxArray {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) {
    const { shape, size, start } = parseHeader(bytes, where);
    requireSize(size, bytes.length, where);
    return { shape, data: bytes.subarray(start) };
  }
  const { shape, size, start } = parseHeader(unzip(bytes.subarray(0, 4096), where), where);
  if (size > bytes.length * greatestRatio) throw new UserError(tooFew(size, `a gzip of ${bytes.length}`, where));
  const plain = unzip(bytes, where, size);
  requireSize(size, plain.length, where);
  return { shape, data: plain.subarray(start) };
}

function parseHeader(bytes: Uint8Array, where: string): { shape: number[]; size: number; start: number } {
  const axes = bytes[3];
  const start = 4 + 4 * axes;
  if (bytes.length < 4) throw new UserError(tooFew(8, `${bytes.length}`, where));
  if (bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== unsignedByte || axes < 1 || axes > 4) {
    const magic = Buffer.from(bytes.subarray(0, 4)).toString("hex");
    throw new UserError(`${where}: expected an IDX file of unsigned bytes (00000801 to 00000804), got ${magic}`);
  }
  if (bytes.length < start) throw new UserError(tooFew(start, `${bytes.length}`, where));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = start + shape.reduce((product, side) => product * side, 1);
  return { shape, size, start };
}

/** Without `size` the start of a stream, as far as it goes; with it the whole, of at most one byte more. */
function unzip(bytes: Uint8Array, where: string, size?: number): Buffer {
  try {
    return size === undefined
      ? gunzipSync(bytes, { finishFlush: zlib.Z_SYNC_FLUSH })
      : gunzipSync(bytes, { maxOutputLength: size + 1 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") throw new UserError(`${where}: expected ${size} bytes in the gzip, got more`);
    if (code === "Z_BUF_ERROR") throw new UserError(tooFew(size, `a gzip cut off after ${bytes.length}`, where));
    throw new UserError(`${where}: gzip is damaged (${message})`);
  }
}

function requireSize(expected: number, got: number, where: string): void {
  if (expected !== got) throw new UserError(tooFew(expected, `${got}`, where));
}

const tooFew = (expected: number | undefined, got: string, where: string) =>
  `${where}: expected ${expected} bytes by its header, got ${got}`;
