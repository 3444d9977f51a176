import { createHash } from "node:crypto";
import { readFile } from "../../files";
import { UserError } from "../../types";
import { plainBytes, tooFew } from "./gzip";

/** An IDX array of unsigned bytes in C order. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

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
  const plain = plainBytes(bytes, where, (head) => parseHeader(head, where).size);
  const { shape, start } = parseHeader(plain, where);
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
