import { type FramePair, shared } from "./framePairs";
import { meanScore } from "./score";

/** Squared error of a frame, summed over pixels and channels. */
export const squaredError = (pair: FramePair): number =>
  shared(pair, squaredError, () => {
    const { predicted, observed } = pair;
    let total = 0;
    for (let i = 0; i < predicted.length; i++) total += (predicted[i] - observed[i]) ** 2;
    return total;
  });

/** Squared error, summed over pixels and channels of a frame, averaged over clips: what video-prediction papers call MSE. */
export const mse = meanScore(
  {
    name: "mse",
    synonyms: ["MSE", "squared error per frame"],
    better: "lower",
    unit: "sum over pixels of (value in 0..1)²",
    definition: "Σ_pixels (x̂ - x)², mean over clips",
  },
  squaredError,
);

/** Squared error, averaged over pixels, channels and clips. */
export const mseMean = meanScore(
  {
    name: "mseMean",
    synonyms: ["mean squared error", "MSE per pixel"],
    better: "lower",
    unit: "(value in 0..1)²",
    definition: "mean over pixels and clips of (x̂ - x)²",
  },
  (pair) => squaredError(pair) / pair.predicted.length,
);
