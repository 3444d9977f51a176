import type { Point } from "./trajectory";

/** A grey picture of 8 bits, [height, width] in C order. */
export interface DigitPicture {
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** Grey level / 255 in float32. */
export const scaled: Float32Array = Float32Array.from({ length: 256 }, (_, level) => level / 255);

/**
 * Draws pictures into one black frame, given and returned as [height, width] levels / 255 in [0, 1] (written to `frame`).
 *
 * Each picture's top-left corner is its position truncated toward zero; overlapping pictures are added and clipped at
 * 255; what lies outside is cut. With `shift` everything moves one pixel to the right, as in the published generator:
 * column 0 stays black and the last column is lost.
 */
export function drawDigits(
  frame: Float32Array,
  [height, width]: readonly [height: number, width: number],
  pictures: readonly DigitPicture[],
  positions: readonly Point[],
  { shift = false }: { shift?: boolean } = {},
): Float32Array {
  const levels = new Uint16Array(height * width);
  for (let i = 0; i < pictures.length; i++) {
    const { pixels, height: rows, width: columns } = pictures[i];
    const left = Math.trunc(positions[i][0]);
    const top = Math.trunc(positions[i][1]);
    const move = left + (shift ? 1 : 0);
    const first = Math.max(0, -move);
    const last = Math.min(columns, width - move);
    for (let row = Math.max(0, -top); row < Math.min(rows, height - top); row++) {
      const to = (top + row) * width + move;
      for (let column = first; column < last; column++) levels[to + column] += pixels[row * columns + column];
    }
  }
  for (let i = 0; i < levels.length; i++) frame[i] = scaled[Math.min(levels[i], 255)];
  return frame;
}
