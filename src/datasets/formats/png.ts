import { deflateSync, gzipSync } from "node:zlib";

const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

/** Length, name, content and checksum. */
function chunk(name: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, "latin1"), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  // PNG's checksum is that of gzip, which stands eight bytes before the end, in the other byte order.
  const checksum = gzipSync(body, { level: 0 }).subarray(-8, -4).reverse();
  return Buffer.concat([length, body, checksum]);
}

/** The bytes of an 8-bit grey PNG file of `levels`, [height, width]. Source: W3C, "Portable Network Graphics", second edition. */
export function encodeGreyPng(levels: Uint8Array, height: number, width: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits; the zeros after it: grey, the only compression, the only filter method, rows in order
  const rows = new Uint8Array(height * (width + 1)); // each row begins with its filter, 0 for none
  for (let row = 0; row < height; row++)
    rows.set(levels.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", new Uint8Array(0)),
  ]);
}
