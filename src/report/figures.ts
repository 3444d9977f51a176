import type { Panel, Series } from "../display/chart";
import { type Chart, curves, runningMean } from "../display/curves";
import type { ScoreReport } from "../metrics/evaluate";
import { type Group, spread } from "./compare";

export interface ScoreCurvesOptions {
  /** Default "Scores per frame". */
  readonly title?: string;
  /** Frames that were given: the first frame whose truth was never seen is the next. */
  readonly context: number;
  /** Half the height of a band by forecaster and score, for every frame; default none. */
  readonly deviations?: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
}

/** Scores of every predicted frame, a panel a score and a line a forecaster. Error: nothing to draw. */
export function scoreCurves(
  reports: Readonly<Record<string, readonly ScoreReport[]>>,
  { title = "Scores per frame", context, deviations = {} }: ScoreCurvesOptions,
): Chart {
  const names = [...new Set(Object.values(reports).flatMap((list) => list.map(({ name }) => name)))];
  const panels = names.map((name): Panel => {
    const found = Object.entries(reports).flatMap(([forecaster, list]) =>
      list.filter((report) => report.name === name).map((report) => ({ forecaster, report })),
    );
    const { better, unit } = found[0].report;
    const series = found.map(({ forecaster, report: { perFrame } }): Series => {
      const by = deviations[forecaster]?.[name];
      const band = by && { low: perFrame.map((y, i) => y - by[i]), high: perFrame.map((y, i) => y + by[i]) };
      return { name: forecaster, x: perFrame.map((_, i) => i + 2), y: perFrame, ...(band && { band }) };
    });
    const heading = `${name.toUpperCase()} (${better} is better)`;
    return { title: heading, yLabel: unit, xLabel: `frame of the clip (future from ${context + 1})`, series };
  });
  return curves(panels, { title });
}

/** Mean scores per frame of groups on the same clips, beside the baselines; bands are deviations over seeds. */
export function groupCurves(groups: readonly Group[], context: number): Chart {
  const reports = Object.assign({}, ...groups.map(({ reports }) => reports)) as NonNullable<Group["reports"]>;
  const deviations = Object.fromEntries(groups.map((group) => [group.label, deviationsOf(group)]));
  const repeated = groups.some(({ runs }) => runs.length > 1);
  const title = repeated ? "Scores per frame (mean over seeds, band: ± one standard deviation)" : "Scores per frame";
  return scoreCurves(reports, { title, context, deviations });
}

/** Deviations over seeds of every score and frame; none for a single run. */
function deviationsOf({ label, runs, reports }: Group): Record<string, number[]> {
  const lists = runs.flatMap(({ evaluation, settings }) => (evaluation ? [evaluation.reports[settings.model]] : []));
  if (lists.length < 2) return {};
  return Object.fromEntries(
    (reports?.[label] ?? []).map(({ name, perFrame }) => {
      const all = lists.map((list) => list.find((report) => report.name === name)!.perFrame);
      return [name, perFrame.map((_, i) => spread(all.map((one) => one[i])).deviation!)];
    }),
  );
}

/** Training loss of every run (running means), and the validation scores where there are any. Nothing where nothing was logged. */
export function lossCurves(groups: readonly Group[]): Chart | undefined {
  const runs = groups.flatMap(({ label, runs }) => runs.map(({ log }) => ({ name: label, log })));
  const losses = runs.flatMap(({ name, log }): Series[] => {
    const steps = log.filter((event) => event.kind === "step");
    const [x, y] = [steps.map(({ iteration }) => iteration), steps.map(({ loss }) => loss)];
    const smooth = { name, x, y: runningMean(y, Math.max(1, Math.floor(y.length / 40))) };
    if (y.length === 0) return [];
    return runs.length === 1 ? [{ name, x, y, faint: true }, smooth] : [smooth];
  });
  const validations = runs.flatMap(({ name, log }): Series[] => {
    const all = log.filter((event) => event.kind === "validation");
    return all.length > 0 ? [{ name, x: all.map(({ iteration }) => iteration), y: all.map(({ score }) => score) }] : [];
  });
  if (losses.length === 0) return undefined;
  const panels = [
    panelOf("training loss", losses),
    ...(validations.length > 0 ? [panelOf("validation score", validations)] : []),
  ];
  return curves(panels, { title: "While training", xLabel: "iteration" });
}

/** Powers of ten where values span more than a factor of 20. */
function panelOf(yLabel: string, series: readonly Series[]): Panel {
  const positive = series.flatMap(({ y }) => y.filter((value) => value > 0 && value < Infinity));
  const [low, high] = positive.reduce(([l, h], value) => [Math.min(l, value), Math.max(h, value)], [Infinity, 0]);
  return { yLabel, series, logY: high / low > 20, wholeX: true };
}
