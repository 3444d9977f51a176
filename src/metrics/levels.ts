/** A level that makes an event of a pixel that reaches it. */
export interface Threshold {
  /** Part of the score's name, such as 5 in `csi-5`. */
  readonly name: string;
  /** In [0, 1]. */
  readonly pixel: number;
  /** What the level is, such as "5 mm/h". */
  readonly meaning: string;
}

/** How many of the levels, given as pixels, each value reaches. NaN reaches none. */
export function levelsReached(values: ArrayLike<number>, pixels: readonly number[]): Uint8Array {
  const reached = new Uint8Array(values.length);
  // Without a branch, which noise would often lead astray.
  for (const pixel of pixels) for (let i = 0; i < reached.length; i++) reached[i] += Number(values[i] >= pixel);
  return reached;
}

/** How many levels are lower than each: a value that reaches more than so many reaches it. */
export const ranksOf = (pixels: readonly number[]): number[] =>
  pixels.map((pixel) => pixels.filter((other) => other < pixel).length);
