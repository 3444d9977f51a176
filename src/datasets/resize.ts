import { UserError } from "../types";

type Size = readonly [height: number, width: number];

/** Where one row or column of the result reads: two places and the weight of the second. */
interface Reads {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly weight: Float64Array;
}

/** Half-pixel centres: place i lies at (i + ½)·from/to - ½, held within the edges. */
function readsOf(from: number, to: number): Reads {
  const [low, high, weight] = [new Int32Array(to), new Int32Array(to), new Float64Array(to)];
  for (let i = 0; i < to; i++) {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    low[i] = Math.floor(at);
    high[i] = Math.min(low[i] + 1, from - 1);
    weight[i] = at - low[i];
  }
  return { low, high, weight };
}

/**
 * Makes frames [height, width, channels] of another size: bilinear between the four nearest pixels, half-pixel centres, without
 * anti-aliasing. 8-bit frames are rounded to 8 bits again, halves up. The function made is for frames of one size.
 *
 * Throws a UserError for sizes that are no whole numbers from 1 on.
 */
export function resizer(from: Size, to: Size, channels = 1): <F extends Uint8Array | Float32Array>(frame: F) => F {
  for (const side of [...from, ...to, channels]) {
    if (!Number.isInteger(side) || side < 1) throw new UserError(`resize: expected sides from 1 on, got ${side}`);
  }
  const [rows, columns] = [readsOf(from[0], to[0]), readsOf(from[1], to[1])];
  const [height, width] = to;
  const pitch = from[1] * channels;
  return (frame) => {
    if (frame.length !== from[0] * pitch) {
      throw new UserError(
        `resize: expected a frame of ${from[0]} x ${from[1]} x ${channels}, got ${frame.length} numbers`,
      );
    }
    const whole = frame instanceof Uint8Array;
    const result = (
      whole ? new Uint8Array(height * width * channels) : new Float32Array(height * width * channels)
    ) as typeof frame;
    for (let row = 0, at = 0; row < height; row++) {
      const [above, below, down] = [rows.low[row] * pitch, rows.high[row] * pitch, rows.weight[row]];
      for (let column = 0; column < width; column++) {
        const [left, right] = [columns.low[column] * channels, columns.high[column] * channels];
        const across = columns.weight[column];
        for (let channel = 0; channel < channels; channel++, at++) {
          const upper = frame[above + left + channel] * (1 - across) + frame[above + right + channel] * across;
          const lower = frame[below + left + channel] * (1 - across) + frame[below + right + channel] * across;
          const value = upper * (1 - down) + lower * down;
          result[at] = whole ? Math.floor(value + 0.5) : value;
        }
      }
    }
    return result;
  };
}
