import { closeSync } from "node:fs";
import { openToRead, readPart } from "../../files";
import { UserError } from "../../types";

/** Bytes from the beginning in which a file says how long it is. */
const HEAD = 128;

/**
 * Refuses a video that is shorter than it says, of which ffmpeg would make what is there; it notices that itself in `.mp4` and
 * `.mov`. Errors: missing, empty, cut off; an `.avi` file that is none.
 */
export function requireWholeVideo(path: string, demuxer: string): void {
  const { file, size } = openToRead(path, "video");
  try {
    if (size === 0) throw new UserError(`${path} is empty, expected a video`);
    const head = Buffer.from(readPart(file, 0, Math.min(size, HEAD), path));
    if (demuxer === "avi" && !/^RIFF[\s\S]{4}AVI /.test(head.toString("latin1")))
      throw new UserError(`${path}: expected an AVI file, which begins with RIFF`);
    const expected = demuxer === "avi" ? 8 + head.readUInt32LE(4) : demuxer === "matroska" ? matroskaLength(head) : 0;
    if (size < expected) throw new UserError(`${path} is cut off: expected ${expected} bytes, got ${size}`);
  } finally {
    closeSync(file);
  }
}

/** Where the segment that holds all of a Matroska file ends; 0 where the file does not say. Source: RFC 8794, RFC 9559. */
function matroskaLength(head: Buffer): number {
  const header = elementAt(head, 0, 0x1a45dfa3);
  const segment = header && elementAt(head, header.end, 0x18538067);
  return segment?.end ?? 0;
}

/** An element of EBML with a name of four bytes: where it ends, if its size is known. */
function elementAt(head: Buffer, at: number, name: number): { readonly end: number } | undefined {
  if (at + 5 > head.length || head.readUInt32BE(at) !== name) return;
  // The zeros before the first one tell how many bytes the size has.
  const bytes = Math.clz32(head[at + 4]) - 23;
  if (bytes > 8 || at + 4 + bytes > head.length) return;
  const first = head[at + 4] - 2 ** (8 - bytes);
  const number = head.subarray(at + 5, at + 4 + bytes).reduce((sum, byte) => sum * 256 + byte, first);
  // All ones: it was not known yet.
  return number >= 2 ** (7 * bytes) - 1 ? undefined : { end: at + 4 + bytes + number };
}
