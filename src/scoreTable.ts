import type { ScoreReport } from "./metrics/evaluate";

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
