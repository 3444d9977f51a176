import { trivialForecasters } from "./evaluate";
import type { ScoreReport } from "./metrics/evaluate";
import { type PairedDifference, paired } from "./metrics/paired";
import { UserError } from "./types";

/** One row a forecaster: every score over the horizon and over all predictions. */
export function scoreRows(
  reports: Readonly<Record<string, readonly ScoreReport[]>>,
): Record<string, string | number>[] {
  return Object.entries(reports).map(([forecaster, scores]) => ({
    forecaster,
    ...Object.fromEntries(scores.map(({ name, horizon }) => [`${name.toUpperCase()} horizon`, horizon])),
    ...Object.fromEntries(scores.map(({ name, all }) => [`${name.toUpperCase()} all`, all])),
  }));
}

/** A forecaster beside the better of the trivial ones. */
export interface TrivialComparison {
  /** The trivial forecaster with the lower horizon MSE on these clips. */
  readonly opponent: string;
  /** Horizon MSE of the forecaster less the opponent's, clip by clip. */
  readonly difference: PairedDifference;
  /** All of it in a sentence. */
  readonly line: string;
}

/**
 * By how much the horizon MSE of `forecaster` differs from that of the better trivial forecast, with a paired 95 %
 * interval over clips. Errors: reports without MSE or without the trivial forecasts; scores that are not finite.
 */
export function compareWithTrivial(
  reports: Readonly<Record<string, readonly ScoreReport[]>>,
  forecaster: string,
): TrivialComparison {
  const mse = (name: string) => {
    const report = reports[name]?.find((score) => score.name === "mse");
    if (!report?.clips) throw new UserError(`no MSE per clip of ${name} among the scores`);
    if (!report.clips.every(Number.isFinite))
      throw new UserError(`MSE of ${name} is not finite: its forecasts are not`);
    return { horizon: report.horizon, clips: report.clips };
  };
  const ours = mse(forecaster);
  const opponent = Object.keys(trivialForecasters).reduce((a, b) => (mse(b).horizon < mse(a).horizon ? b : a));
  const theirs = mse(opponent);
  const difference = paired(ours.clips, theirs.clips);
  const { mean, low, high, clips, excludesZero } = difference;
  const verdict = excludesZero
    ? `${forecaster} is ${high < 0 ? "better" : "worse"}`
    : "the interval holds zero: no difference shown";
  const line =
    `horizon MSE of ${forecaster} less that of the better trivial forecast (${opponent}): ${mean.toFixed(2)} ` +
    `(${((100 * mean) / theirs.horizon).toFixed(1)} %), 95 % interval over ${clips} clips ${low.toFixed(2)} to ` +
    `${high.toFixed(2)}; ${verdict}`;
  return { opponent, difference, line };
}
