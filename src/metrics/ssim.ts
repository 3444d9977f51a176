import { type FramePair, shared } from "./framePairs";
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
  (pair) => meanOf(similarities(pair).map(({ whole }) => whole)),
);

/** Exponents of the five scales, from fine to coarse. */
const exponents = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/**
 * Structural similarity over several scales: SSIM without its luminance term on the frame and on frames halved again and again
 * (means of 2 x 2 pixels), whole at the coarsest, each to an exponent, multiplied.
 *
 * Five scales where the frame has them; a frame whose side at a scale would be below 11, the window, is compared at fewer, with
 * their exponents divided by their sum: 64 x 64 at three. A negative factor counts as 0.
 *
 * Source: Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", 2003, equation 7 and table.
 */
export const msSsim = meanScore(
  {
    name: "msSsim",
    synonyms: ["MS-SSIM", "multi-scale structural similarity"],
    better: "higher",
    unit: "0..1, data range 1",
    definition:
      "SSIM's structure at up to five scales, whole at the coarsest, weighted product; mean over channels and clips",
  },
  (pair) => {
    const scales = scalesOf(pair);
    const products = Array<number>(pair.channels).fill(1);
    const total = exponents.slice(0, scales).reduce((a, b) => a + b);
    let plane: Plane = pair;
    for (let scale = 0; scale < scales; scale++) {
      const found = scale === 0 ? similarities(pair) : similaritiesOf(plane);
      for (const [channel, { whole, structure }] of found.entries()) {
        const factor = Math.max(scale === scales - 1 ? whole : structure, 0);
        products[channel] *= factor ** (exponents[scale] / total);
      }
      if (scale < scales - 1) plane = halved(plane);
    }
    return meanOf(products);
  },
);

/** How many scales a frame has: at the coarsest a side still is that of the window. */
function scalesOf({ height, width }: Plane): number {
  const halvings = Math.floor(Math.log2(Math.min(height, width) / largest));
  return Math.min(Math.max(halvings + 1, 1), exponents.length);
}

const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

/** Weights of the window along one axis; the window is their product with themselves. */
export function gaussian(side: number): Float64Array {
  const sigma = (1.5 * side) / largest;
  const weights = Float64Array.from({ length: side }, (_, i) =>
    Math.exp(-((i - (side - 1) / 2) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

type Plane = Pick<FramePair, "predicted" | "observed" | "height" | "width" | "channels">;

/** Means over the map of SSIM and of its factor without luminance. */
interface Similarity {
  readonly whole: number;
  readonly structure: number;
}

/** Of each channel. */
const similarities = (pair: FramePair): readonly Similarity[] => shared(pair, similarities, () => similaritiesOf(pair));

const similaritiesOf = (plane: Plane): Similarity[] =>
  Array.from({ length: plane.channels }, (_, channel) => ofChannel(plane, channel));

/** Frames of half the side, means of 2 x 2 pixels; an odd last row or column is left out. */
function halved({ predicted, observed, height, width, channels }: Plane): Plane {
  const [rows, columns] = [height >> 1, width >> 1];
  const half = (values: Float64Array) => {
    const result = new Float64Array(rows * columns * channels);
    for (let row = 0, to = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (let channel = 0; channel < channels; channel++) {
          const at = (2 * row * width + 2 * column) * channels + channel;
          const below = at + width * channels;
          result[to++] = (values[at] + values[at + channels] + values[below] + values[below + channels]) / 4;
        }
      }
    }
    return result;
  };
  return { predicted: half(predicted), observed: half(observed), height: rows, width: columns, channels };
}

function ofChannel({ predicted, observed, height, width, channels }: Plane, channel: number): Similarity {
  const weights = gaussian(Math.min(largest, height, width));
  const side = weights.length;
  const columns = width - side + 1;
  const rows = height - side + 1;
  // Along rows: means of x̂, x, x̂² + x² and x̂x, [height, columns, 4].
  const along = new Float64Array(height * columns * 4);
  const line = new Float64Array(width * 4);
  for (let row = 0, to = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const p = predicted[(row * width + column) * channels + channel];
      const o = observed[(row * width + column) * channels + channel];
      line[column * 4] = p;
      line[column * 4 + 1] = o;
      line[column * 4 + 2] = p * p + o * o;
      line[column * 4 + 3] = p * o;
    }
    for (let column = 0; column < columns; column++, to += 4) weigh(line, column * 4, 4, weights, along, to);
  }
  // Along columns: four numbers for each place of the map.
  let [whole, total] = [0, 0];
  const step = columns * 4;
  const place = new Float64Array(4);
  for (let at = 0; at < rows * step; at += 4) {
    weigh(along, at, step, weights, place, 0);
    const p = place[0];
    const o = place[1];
    const means = p * p + o * o;
    const structure = (2 * (place[3] - p * o) + c2) / (place[2] - means + c2);
    whole += ((2 * p * o + c1) / (means + c1)) * structure;
    total += structure;
  }
  return { whole: whole / (rows * columns), structure: total / (rows * columns) };
}

/** Weighted means of four numbers and of those that follow at every `step`. */
function weigh(
  values: Float64Array,
  first: number,
  step: number,
  weights: Float64Array,
  into: Float64Array,
  to: number,
): void {
  let [p, o, squares, product] = [0, 0, 0, 0];
  for (let i = 0, at = first; i < weights.length; i++, at += step) {
    const weight = weights[i];
    p += weight * values[at];
    o += weight * values[at + 1];
    squares += weight * values[at + 2];
    product += weight * values[at + 3];
  }
  into[to] = p;
  into[to + 1] = o;
  into[to + 2] = squares;
  into[to + 3] = product;
}
