import { type FramePair, shared } from "./framePairs";
import { meanScore } from "./score";

/** Absolute error of a frame, summed over pixels and channels. */
const sum = (pair: FramePair): number =>
  shared(pair, sum, () => {
    const { predicted, observed } = pair;
    let total = 0;
    for (let i = 0; i < predicted.length; i++) total += Math.abs(predicted[i] - observed[i]);
    return total;
  });

/** Absolute error, summed over pixels and channels of a frame, averaged over clips: what video-prediction papers call MAE. */
export const mae = meanScore(
  {
    name: "mae",
    synonyms: ["MAE", "absolute error per frame"],
    better: "lower",
    unit: "sum over pixels of value in 0..1",
    definition: "Σ_pixels |x̂ - x|, mean over clips",
  },
  sum,
);

/** Absolute error, averaged over pixels, channels and clips. */
export const maeMean = meanScore(
  {
    name: "maeMean",
    synonyms: ["mean absolute error", "MAE per pixel"],
    better: "lower",
    unit: "value in 0..1",
    definition: "mean over pixels and clips of |x̂ - x|",
  },
  (pair) => sum(pair) / pair.predicted.length,
);
