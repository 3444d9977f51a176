import type { Context } from "./canvas";
import { type ColourMap, level, notFinite } from "./colour";
import type { Film } from "./film";

/** The colour of each pixel of a frame, three bytes each, and how many pixels are not finite. */
export interface Pixels {
  readonly rgb: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly marked: number;
}

/**
 * Frame `time` of a film in colour: one channel through the colour map, three channels as red, green and blue.
 * Values outside [0, 1] take the colour of the nearer end; pixels that are not finite are magenta.
 */
export function paint(film: Film, time: number, map: ColourMap): Pixels {
  const { height, width, channels, data } = film;
  const rgb = new Uint8Array(3 * height * width);
  let marked = 0;
  for (let pixel = 0; pixel < height * width; pixel++) {
    const at = (time * height * width + pixel) * channels;
    const levels = channels === 1 ? [level(data[at])] : [level(data[at]), level(data[at + 1]), level(data[at + 2])];
    if (levels.includes(-1)) {
      rgb.set(notFinite, 3 * pixel);
      marked++;
    } else if (channels === 1) {
      rgb.set(map.subarray(3 * levels[0], 3 * levels[0] + 3), 3 * pixel);
    } else {
      rgb.set(levels, 3 * pixel);
    }
  }
  return { rgb, width, height, marked };
}

/** Puts a frame at (x, y), each of its pixels a sharp square of `magnification` by `magnification`, with a thin frame. */
export function putFrame(context: Context, pixels: Pixels, x: number, y: number, magnification: number): void {
  const { rgb, width, height } = pixels;
  const across = width * magnification;
  const image = context.createImageData(across, height * magnification);
  const target = image.data;
  for (let row = 0; row < height * magnification; row++) {
    const source = Math.floor(row / magnification) * width;
    for (let column = 0; column < across; column++) {
      const from = 3 * (source + Math.floor(column / magnification));
      const to = 4 * (row * across + column);
      target[to] = rgb[from];
      target[to + 1] = rgb[from + 1];
      target[to + 2] = rgb[from + 2];
      target[to + 3] = 255;
    }
  }
  outline(context, x, y, across, height * magnification);
  context.putImageData(image, x, y);
}

/** A grey line one pixel wide around (not over) a rectangle of whole pixels. */
export function outline(context: Context, x: number, y: number, width: number, height: number): void {
  context.strokeStyle = "#b0b0b0";
  context.lineWidth = 1;
  context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
}

/** "12 pixels are not finite (magenta)", or "" if all are. */
export const markedNote = (marked: number): string =>
  marked === 0 ? "" : `${marked} pixel${marked === 1 ? " is" : "s are"} not finite (magenta)`;
