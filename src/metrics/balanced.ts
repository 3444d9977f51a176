import { shared } from "./framePairs";
import { type RainMap, rainThresholds } from "./rain";
import { meanScore, type Score } from "./score";

/** Weights of pixels whose true rain rate lies below the first threshold, from it to the second, and so on. */
const WEIGHTS = [1, 1, 2, 5, 10, 30];

/** The weight of each pixel, by what was observed there; a rate of exactly a threshold belongs to the class above it. */
export function balancingWeights(observed: ArrayLike<number>, rain: RainMap): Float64Array {
  const pixels = rainThresholds.map(rain.toPixel);
  return Float64Array.from(observed, (value) => {
    let above = 0;
    while (above < pixels.length && value >= pixels[above]) above++;
    return WEIGHTS[above];
  });
}

/**
 * Squared and absolute error with rare heavy rain weighing more: [B-MSE, B-MAE], sums over a frame's pixels, means over clips.
 *
 * Source: Shi et al., "Deep Learning for Precipitation Nowcasting: A Benchmark and A New Model", 2017, section 3.3.
 */
export function balanced(rain: RainMap): readonly [bMse: Score, bMae: Score] {
  const of = (name: string, power: string, error: (difference: number) => number) =>
    meanScore(
      {
        name: `b-${name}`,
        synonyms: [`B-${name.toUpperCase()}`, `balanced ${name.toUpperCase()}`],
        better: "lower",
        unit: `weighted sum over pixels of ${power}`,
        definition: `Σ_pixels w·error, w = ${WEIGHTS} for a true rain rate below ${rainThresholds} mm/h (${rain.name}) and above`,
      },
      (pair) => {
        const { predicted, observed } = pair;
        const weights = shared(pair, rain, () => balancingWeights(observed, rain));
        let total = 0;
        for (let i = 0; i < observed.length; i++) total += weights[i] * error(predicted[i] - observed[i]);
        return total;
      },
    );
  return [of("mse", "(value in 0..1)²", (difference) => difference ** 2), of("mae", "value in 0..1", Math.abs)];
}
