import type { FramePair } from "./framePairs";
import { meanScore } from "./score";

const largest = 11;
const c1 = 0.01 ** 2;
const c2 = 0.03 ** 2;

/**
 * Structural similarity, data range 1, mean of the map over positions where the window fits whole, averaged over clips.
 *
 *   SSIM = (2 μ̂ μ + c1)(2 σ̂σ + c2) / ((μ̂² + μ² + c1)(σ̂² + σ² + c2)),  c1 = 0.01², c2 = 0.03²
 *
 * Gaussian window of side w = min(11, height, width) and σ = 1.5·w/11, weights summing to 1, an even side centred between
 * two pixels; variances are weighted and biased. With several channels each is compared on its own and the mean taken
 * (the published code mixes channels and rows there; for one channel the two agree).
 *
 * Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity",
 * IEEE Trans. Image Processing 13, 2004, equations 13 to 17.
 */
export const ssim = meanScore(
  {
    name: "ssim",
    synonyms: ["SSIM", "structural similarity"],
    better: "higher",
    unit: "-1..1, data range 1",
    definition:
      "Gaussian window 11 x 11, σ 1.5 (smaller for smaller frames), valid region, mean over channels and clips",
  },
  (pair) => {
    let total = 0;
    for (let channel = 0; channel < pair.channels; channel++) total += ofChannel(pair, channel);
    return total / pair.channels;
  },
);

/** Weights of the window along one axis; the window is their product with themselves. */
export function gaussian(side: number): Float64Array {
  const sigma = (1.5 * side) / largest;
  const weights = Float64Array.from({ length: side }, (_, i) =>
    Math.exp(-((i - (side - 1) / 2) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function ofChannel({ predicted, observed, height, width, channels }: FramePair, channel: number): number {
  const weights = gaussian(Math.min(largest, height, width));
  const side = weights.length;
  const columns = width - side + 1;
  const rows = height - side + 1;
  // Along rows: means of x̂, x, x̂² + x² and x̂x, [height, columns, 4].
  const along = new Float64Array(height * columns * 4);
  const line = new Float64Array(width * 4);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const p = predicted[(row * width + column) * channels + channel];
      const o = observed[(row * width + column) * channels + channel];
      line[column * 4] = p;
      line[column * 4 + 1] = o;
      line[column * 4 + 2] = p * p + o * o;
      line[column * 4 + 3] = p * o;
    }
    weigh(line, weights, columns, 4, along, row * columns * 4);
  }
  // Along columns: four numbers for each place of the map.
  let total = 0;
  const step = columns * 4;
  for (let at = 0; at < rows * step; at += 4) {
    let [p, o, squares, product] = [0, 0, 0, 0];
    for (let i = 0, from = at; i < side; i++, from += step) {
      const weight = weights[i];
      p += weight * along[from];
      o += weight * along[from + 1];
      squares += weight * along[from + 2];
      product += weight * along[from + 3];
    }
    const means = p * p + o * o;
    const structure = (2 * (product - p * o) + c2) / (squares - means + c2);
    total += ((2 * p * o + c1) / (means + c1)) * structure;
  }
  return total / (rows * columns);
}

/** Weighted means along a line of `stride` interleaved values. */
function weigh(
  line: Float64Array,
  weights: Float64Array,
  places: number,
  stride: number,
  into: Float64Array,
  start: number,
): void {
  for (let at = 0; at < places * stride; at++) {
    let sum = 0;
    for (let i = 0; i < weights.length; i++) sum += weights[i] * line[at + i * stride];
    into[start + at] = sum;
  }
}
