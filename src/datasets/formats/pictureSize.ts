/**
 * The sides that the head of a PNG, JPEG, WebP or BMP file states, without decoding anything: [height, width]. Nothing where it is
 * no such file, or its head breaks off.
 *
 * Sources: PNG specification, 11.2.2; ITU-T T.81, B.2.2; RFC 9649, 2 and 3; Windows' BITMAPCOREHEADER and BITMAPINFOHEADER.
 */
export function pictureSize(bytes: Buffer): [height: number, width: number] | undefined {
  try {
    return readers.find(({ start, at }) => bytes.toString("latin1", at, at + start.length) === start)?.read(bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

interface HeadReader {
  /** What tells the format, at which place. */
  readonly start: string;
  readonly at: number;
  read(bytes: Buffer): [height: number, width: number] | undefined;
}

const readers: readonly HeadReader[] = [
  { start: "\x89PNG\r\n\x1a\n", at: 0, read: (bytes) => [bytes.readUInt32BE(20), bytes.readUInt32BE(16)] },
  { start: "\xff\xd8\xff", at: 0, read: jpeg },
  { start: "WEBP", at: 8, read: webp },
  { start: "BM", at: 0, read: bmp },
];

function bmp(bytes: Buffer): [number, number] {
  if (bytes.readUInt32LE(14) === 12) return [bytes.readUInt16LE(20), bytes.readUInt16LE(18)];
  // A negative height is that of rows from the top down.
  return [Math.abs(bytes.readInt32LE(22)), Math.abs(bytes.readInt32LE(18))];
}

function webp(bytes: Buffer): [number, number] | undefined {
  switch (bytes.toString("latin1", 12, 16)) {
    case "VP8 ":
      return [bytes.readUInt16LE(28) & 0x3fff, bytes.readUInt16LE(26) & 0x3fff];
    case "VP8L": {
      const bits = bytes.readUInt32LE(21);
      return [((bits >> 14) & 0x3fff) + 1, (bits & 0x3fff) + 1];
    }
    case "VP8X":
      return [bytes.readUIntLE(27, 3) + 1, bytes.readUIntLE(24, 3) + 1];
    default:
      return undefined;
  }
}

/** Goes from marker to marker up to the start of a frame. */
function jpeg(bytes: Buffer): [number, number] | undefined {
  for (let at = 2; bytes.readUInt8(at) === 0xff; ) {
    const marker = bytes.readUInt8(at + 1);
    // Of C0 to CF these three begin tables and extensions.
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [bytes.readUInt16BE(at + 5), bytes.readUInt16BE(at + 7)];
    at += marker === 0xff ? 1 : 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}
