import { extname } from "node:path";
import { decodePicture } from "../../display/canvas";
import { readFile } from "../../files";
import { UserError } from "../../types";
import { pictureSize } from "./pictureSize";

/** A picture of 8-bit levels, [height, width, channels]. */
export interface LevelPicture {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly levels: Uint8Array;
}

/** Endings of the pictures that can be read. */
export const pictureEndings = [".png", ".jpg", ".jpeg", ".webp", ".bmp"] as const;

/** Bytes of a picture file that is no mistake. */
const MOST_BYTES = 2 ** 28;
/** And pixels: decoding takes some 16 bytes for each. */
const MOST_PIXELS = 2 ** 24;

/**
 * How colour becomes grey: "weighted" as 0.299 R + 0.587 G + 0.114 B, rounded (ITU-R BT.601, as in Pillow and OpenCV); "blue" takes
 * the blue channel alone, as do loaders that ask OpenCV for a picture's first one. A grey picture keeps its levels.
 */
export type Grey = "weighted" | "blue";

/** Levels [height, width, channels] of pixels that take `pitch` bytes each: red, green, blue, and others that are left out. */
export function levelsOf(pixels: ArrayLike<number>, pitch: 3 | 4, channels: 1 | 3, grey: Grey): Uint8Array {
  const levels = new Uint8Array((pixels.length / pitch) * channels);
  for (let from = 0, to = 0; from < pixels.length; from += pitch) {
    if (channels === 3) for (let k = 0; k < 3; k++) levels[to++] = pixels[from + k];
    else if (grey === "blue") levels[to++] = pixels[from + 2];
    else levels[to++] = Math.round(0.299 * pixels[from] + 0.587 * pixels[from + 1] + 0.114 * pixels[from + 2]);
  }
  return levels;
}

/** Reads a picture as grey or colour. Errors: missing, damaged, of another kind. */
export async function readImage(path: string, channels: 1 | 3 = 1, grey: Grey = "weighted"): Promise<LevelPicture> {
  const bytes = readFile(path, "picture");
  if (bytes.length > MOST_BYTES)
    throw new UserError(`${path} has ${bytes.length} bytes, expected at most ${MOST_BYTES}`);
  // The decoder would take what is no picture for a drawing, which may name other files, and any size for true.
  const stated = pictureSize(bytes);
  if (!stated)
    throw new UserError(`${path}: no ${extname(path)} picture that can be read (no PNG, JPEG, WebP or BMP file)`);
  if (!(stated[0] * stated[1] <= MOST_PIXELS))
    throw new UserError(`${path} is ${stated.join(" x ")}, expected at most ${MOST_PIXELS} pixels`);
  const { height, width, data } = await decodePicture(bytes).catch((error: Error) => {
    throw new UserError(
      `${path}: no ${extname(path)} picture that can be read (${(error as Error).message.split("\n")[0]})`,
    );
  });
  return { height, width, channels, levels: levelsOf(data, 4, channels, grey) };
}
