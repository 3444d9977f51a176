import { type FramePair, shared } from "./framePairs";
import { levelsReached } from "./levels";
import { type RainMap, rainThresholds } from "./rain";
import { meanScore, type Score } from "./score";

/** Weights of pixels whose true rain rate lies below the first threshold, from it to the second, and so on. */
const WEIGHTS = [1, 1, 2, 5, 10, 30];

/** The weight of each pixel, by what was observed there; a rate of exactly a threshold belongs to the class above it. */
export function balancingWeights(observed: ArrayLike<number>, rain: RainMap): Float64Array {
  const reached = levelsReached(observed, rainThresholds.map(rain.toPixel));
  const weights = new Float64Array(observed.length);
  for (let i = 0; i < weights.length; i++) weights[i] = WEIGHTS[reached[i]];
  return weights;
}

/**
 * Squared and absolute error with rare heavy rain weighing more: [B-MSE, B-MAE], sums over a frame's pixels, means over clips.
 *
 * Source: Shi et al., "Deep Learning for Precipitation Nowcasting: A Benchmark and A New Model", 2017, section 3.3.
 */
export function balanced(rain: RainMap): readonly [bMse: Score, bMae: Score] {
  const of = (name: "mse" | "mae", power: string) =>
    meanScore(
      {
        name: `b-${name}`,
        synonyms: [`B-${name.toUpperCase()}`, `balanced ${name.toUpperCase()}`],
        better: "lower",
        unit: `weighted sum over pixels of ${power}`,
        definition: `Σ_pixels w·error, w = ${WEIGHTS} for a true rain rate below ${rainThresholds} mm/h (${rain.name}) and above`,
      },
      (pair) => shared(pair, rain, () => weightedErrors(pair, rain))[name],
    );
  return [of("mse", "(value in 0..1)²"), of("mae", "value in 0..1")];
}

/** Both sums of one frame. */
function weightedErrors({ predicted, observed }: FramePair, rain: RainMap): { mse: number; mae: number } {
  const weights = balancingWeights(observed, rain);
  let [mse, mae] = [0, 0];
  for (let i = 0; i < observed.length; i++) {
    const difference = predicted[i] - observed[i];
    mse += weights[i] * difference ** 2;
    mae += weights[i] * Math.abs(difference);
  }
  return { mse, mae };
}
