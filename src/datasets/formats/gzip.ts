import { gunzipSync, constants as zlib } from "node:zlib";
import { UserError } from "../../types";

/** Deflate cannot shrink more than this, so a header that asks for more is a lie. */
const greatestRatio = 1032;

/** Bytes that are looked at for the header of a compressed file. */
const HEAD = 4096;

/**
 * The bytes of a file that may be gzip, told by its first two bytes and not by its name. `sizeOf` says from the beginning of the
 * plain bytes how many there must be; nothing is unpacked beyond that. Plain bytes are given as they are.
 *
 * Throws a UserError that names `where` for a damaged gzip and for any other number of bytes.
 */
export function plainBytes(bytes: Uint8Array, where: string, sizeOf: (head: Uint8Array) => number): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) {
    requireSize(sizeOf(bytes), bytes.length, where);
    return bytes;
  }
  const size = sizeOf(unzip(bytes.subarray(0, HEAD), where));
  if (size > bytes.length * greatestRatio) throw new UserError(tooFew(size, `a gzip of ${bytes.length}`, where));
  const plain = unzip(bytes, where, size);
  requireSize(size, plain.length, where);
  return plain;
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

export const tooFew = (expected: number | undefined, got: string, where: string): string =>
  `${where}: expected ${expected} bytes by its header, got ${got}`;
