import { join } from "node:path";
import { allScores } from "../metrics/all";
import type { ScoreReport } from "../metrics/evaluate";
import { mean } from "../statistics";
import { UserError } from "../types";
import { type Evaluation, readClipScores, readScores, type ScoreRow } from "./scoresFile";

/** An evaluation as the files hold it; `ids` is shorter than `clips` where no score per clip was kept. */
export interface StoredEvaluation extends Evaluation {
  readonly clips: number;
}

/**
 * The evaluations in a run's scores files, as `evaluate` gave them, in the order they were added.
 * @param horizon number of future frames, the last ones of each clip
 * Errors: damaged files, a score that is not one of ours.
 */
export function readEvaluations(folder: string, horizon: number): StoredEvaluation[] {
  const byEvaluation = groupBy(readScores(folder), ({ iteration, split, clips }) => `${iteration} ${split} ${clips}`);
  const clipRows = groupBy(readClipScores(folder), (row) =>
    JSON.stringify([row.iteration, row.split, row.forecaster, row.score]),
  );
  const known = new Map(allScores().map((score) => [score.name, score]));
  const path = join(folder, "scores.csv");

  const reportOf = (rows: readonly ScoreRow[], count: number): ScoreReport => {
    const [{ iteration, split, forecaster, score: name }] = rows;
    const score = known.get(name);
    if (!score) throw new UserError(`${path}: ${name} is no score, expected one of ${[...known.keys()].join(", ")}`);
    const perFrame = rows.map(({ value }) => value);
    if (rows.some(({ frame }, i) => frame !== i + 1)) {
      throw new UserError(
        `${path}: ${name} of ${forecaster} at iteration ${iteration} does not count its frames from 1`,
      );
    }
    const clips = clipRows.get(JSON.stringify([iteration, split, forecaster, name]))?.slice(0, count);
    const { better, unit, definition } = score;
    const summary = { horizon: mean(perFrame.slice(-horizon)), all: mean(perFrame) };
    const report = { name, better, unit, definition, perFrame, ...summary };
    return clips?.length === count ? { ...report, clips: clips.map(({ value }) => value) } : report;
  };

  return [...byEvaluation.values()].map((rows) => {
    const [{ iteration, split, clips }] = rows;
    const reports = [...groupBy(rows, ({ forecaster }) => forecaster)].map(([forecaster, theirs]) => {
      const scores = [...groupBy(theirs, ({ score }) => score).values()];
      return [forecaster, scores.map((one) => reportOf(one, clips))] as const;
    });
    const named = [...clipRows.values()].find(([row]) => row.iteration === iteration && row.split === split) ?? [];
    return {
      iteration,
      split,
      clips,
      ids: named.slice(0, clips).map(({ clip }) => clip),
      reports: Object.fromEntries(reports),
    };
  });
}

/** Items by key, in order of first appearance. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
