import { squaredError } from "./mse";
import { meanScore } from "./score";

/** Keeps the logarithm finite, as in the published code: the greatest possible value is 50 dB. */
const floor = 1e-5;

/** Peak signal-to-noise ratio of each frame, data range 1, averaged over clips (mean of logarithms). */
export const psnr = meanScore(
  {
    name: "psnr",
    synonyms: ["PSNR", "peak signal-to-noise ratio"],
    better: "higher",
    unit: "dB, data range 1",
    definition: "10 log10(1 / (mean over pixels of (x̂ - x)² + 1e-5)), mean over clips; at most 50",
  },
  (pair) => 10 * Math.log10(1 / (squaredError(pair) / pair.predicted.length + floor)),
);
