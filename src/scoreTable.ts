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

/** One forecaster beside another on the same clips. */
export interface Comparison {
  readonly opponent: string;
  /** Horizon score of the forecaster less the opponent's, clip by clip. */
  readonly difference: PairedDifference;
  /** All of it in a sentence. */
  readonly line: string;
}

type Reports = Readonly<Record<string, readonly ScoreReport[]>>;

/**
 * Which of two forecasters is better, and by how much: their horizon scores clip by clip, with a paired 95 % interval over clips.
 * `reports` are of the same clips in the same order, as `evaluate` gives them; `score` is the name of one that is a mean over
 * clips. Errors: reports without that score, scores that are not finite.
 *
 *     const reports = await evaluate({ ours, theirs }, dataset, { context: 10 });
 *     console.log(compareForecasters(reports, "ours", "theirs", "ssim").line);
 */
export function compareForecasters(reports: Reports, forecaster: string, opponent: string, score = "mse"): Comparison {
  return compared(reports, forecaster, { opponent, called: opponent, score });
}

/** As `compareForecasters`, the horizon MSE beside that of the better trivial forecast. */
export function compareWithTrivial(reports: Reports, forecaster: string): Comparison {
  const mse = (name: string) => perClip(reports, name, "mse").horizon;
  mse(forecaster);
  const opponent = Object.keys(trivialForecasters).reduce((a, b) => (mse(b) < mse(a) ? b : a));
  return compared(reports, forecaster, { opponent, called: `the better trivial forecast (${opponent})`, score: "mse" });
}

function compared(
  reports: Reports,
  forecaster: string,
  { opponent, called, score }: { opponent: string; called: string; score: string },
): Comparison {
  const [ours, theirs] = [forecaster, opponent].map((name) => perClip(reports, name, score));
  const difference = paired(ours.clips, theirs.clips);
  const { mean, low, high, clips, excludesZero } = difference;
  const isBetter = ours.better === "lower" ? high < 0 : low > 0;
  const verdict = excludesZero
    ? `${forecaster} is ${isBetter ? "better" : "worse"}`
    : "the interval holds zero: no difference shown";
  // SSIM is of the order of 1, errors of pixels are larger.
  const told = (value: number) => value.toFixed(Math.abs(theirs.horizon) < 2 ? 4 : 2);
  const line =
    `horizon ${score.toUpperCase()} of ${forecaster} less that of ${called}: ${told(mean)} ` +
    `(${((100 * mean) / Math.abs(theirs.horizon)).toFixed(1)} %), 95 % interval over ${clips} clips ${told(low)} to ` +
    `${told(high)}; ${verdict}`;
  return { opponent, difference, line };
}

/** A score per clip. */
function perClip(reports: Reports, forecaster: string, score: string): ScoreReport & { clips: readonly number[] } {
  const report = reports[forecaster]?.find(({ name }) => name === score);
  const name = score.toUpperCase();
  if (!report?.clips) throw new UserError(`no ${name} per clip of ${forecaster} among the scores`);
  if (!report.clips.every(Number.isFinite))
    throw new UserError(`${name} of ${forecaster} is not finite: its forecasts are not`);
  return { ...report, clips: report.clips };
}
