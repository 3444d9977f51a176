import { trivialForecasters } from "../evaluate";
import type { ScoreReport } from "../metrics/evaluate";
import { compareForecasters, compareWithTrivial } from "../scoreTable";
import type { Experiment } from "../settings";
import { mean } from "../statistics";
import { UserError } from "../types";
import { groupBy } from "./evaluations";
import type { RunFacts } from "./runFacts";

/** Mean over seeds and, from two on, the sample's standard deviation. */
export interface Spread {
  readonly mean: number;
  readonly deviation?: number;
  readonly count: number;
}

/** Runs that differ only in their seed. */
export interface Group {
  /** The model, and the settings in which it differs from the other groups. */
  readonly label: string;
  readonly runs: readonly RunFacts[];
  /** Scores over the horizon by name, over those runs that were evaluated. */
  readonly scores: Readonly<Record<string, Spread>>;
  /** Mean over seeds, frame by frame and clip by clip, of the model as `label` and of the baselines; none where no run was evaluated. */
  readonly reports?: Readonly<Record<string, readonly ScoreReport[]>>;
  /** Why there are no mean scores although runs were evaluated. */
  readonly doubt?: string;
}

export function spread(values: readonly number[]): Spread {
  const count = values.length;
  const center = mean(values);
  if (count < 2) return { mean: center, count };
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (count - 1));
  return { mean: center, deviation, count };
}

/** Groups runs that differ only in their seed, in order of first appearance. */
export function groupRuns(runs: readonly RunFacts[]): Group[] {
  const groups = [...groupBy(runs, ({ settings }) => JSON.stringify(sorted(settingsOf(settings)))).values()];
  const labels = labelsOf(groups.map(([{ settings }]) => settingsOf(settings)));
  return groups.map((members, i) => groupOf(labels[i], members));
}

/** The settings in which groups differ, by the groups' labels; those of the model's name and of the seed aside. */
export function differingSettings(groups: readonly Group[]): Record<string, Record<string, string>> {
  const all = groups.map(({ runs: [{ settings }] }) => settingsOf(settings));
  const differing = differingNames(all);
  return Object.fromEntries(
    groups.map(({ label }, i) => [
      label,
      Object.fromEntries(differing.map((name) => [name, all[i][name] ?? "default"])),
    ]),
  );
}

type Settings = Readonly<Record<string, string>>;
const sorted = (settings: Settings) => Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
const settingsOf = ({ seed, ...others }: Experiment): Settings =>
  Object.fromEntries(
    Object.entries(others)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );

const differingNames = (all: readonly Settings[]): string[] => {
  const names = [...new Set(all.flatMap((one) => Object.keys(one)))];
  return names.filter((name) => name !== "model" && new Set(all.map((one) => one[name])).size > 1);
};

/** The model's name, and as few settings as tell the groups of that model apart. */
function labelsOf(all: readonly Settings[]): string[] {
  const labels = all.map(({ model }) => model);
  for (const model of new Set(labels)) {
    const own = all.flatMap((one, i) => (one.model === model ? [i] : []));
    const distinct = (candidates: readonly string[]) => new Set(candidates).size;
    for (const name of differingNames(own.map((i) => all[i]))) {
      const now = own.map((i) => labels[i]);
      const longer = own.map((i) => `${labels[i]}, ${name} ${all[i][name] ?? "default"}`);
      if (distinct(longer) > distinct(now)) for (const [k, i] of own.entries()) labels[i] = longer[k];
    }
  }
  return labels;
}

function groupOf(label: string, runs: readonly RunFacts[]): Group {
  const evaluations = runs.flatMap(({ evaluation }) => evaluation ?? []);
  if (evaluations.length === 0) return { label, runs, scores: {} };
  if (new Set(runs.filter(({ evaluation }) => evaluation).map(clipsKey)).size > 1) {
    return { label, runs, scores: {}, doubt: `${label}: its runs were scored on different clips, so there is no mean` };
  }
  const [{ settings }] = runs;
  const names = [settings.model, ...Object.keys(trivialForecasters)];
  const named = names.flatMap((name) => {
    const lists = evaluations.map(({ reports }) => reports[name]);
    return lists.every((list) => list) ? [[name === settings.model ? label : name, averaged(lists)] as const] : [];
  });
  const reports = Object.fromEntries(named);
  const scores = (reports[label] ?? []).map(({ name }) => [
    name,
    spread(evaluations.map((one) => one.reports[settings.model].find((score) => score.name === name)!.horizon)),
  ]);
  return { label, runs, scores: Object.fromEntries(scores), reports };
}

/** Scores that all have, mean over the lists. */
function averaged(lists: readonly (readonly ScoreReport[])[]): ScoreReport[] {
  return lists[0].flatMap((first) => {
    const alike = lists.map((list) => list.find(({ name }) => name === first.name));
    if (!alike.every((one) => one !== undefined)) return [];
    const { perFrame, clips, ...others } = first;
    const meanOf = (valuesOf: (report: ScoreReport) => readonly number[]) =>
      valuesOf(first).map((_, i) => mean(alike.map((report) => valuesOf(report)[i])));
    const [horizon, all] = [mean(alike.map((one) => one.horizon)), mean(alike.map((one) => one.all))];
    const perClip = alike.every((one) => one.clips) && { clips: meanOf((report) => report.clips!) };
    return [{ ...others, horizon, all, perFrame: meanOf((report) => report.perFrame), ...perClip }];
  });
}

/** What must be equal where two runs were scored on the same clips: the data, what of a clip is seen, and the clips. */
export const clipsKey = ({ settings, evaluation }: RunFacts): string => {
  const { dataset, variant, data, standIn, size, context, horizon } = settings;
  const { split, clips, ids } = evaluation ?? {};
  return JSON.stringify([dataset, variant, data, standIn, size, context, horizon, split, clips, ids]);
};

/** The first run of a group that was evaluated. */
export const firstScored = ({ runs }: Group): RunFacts => runs.find(({ evaluation }) => evaluation)!;

/**
 * Each group beside the better trivial forecast, in a sentence with a paired interval over clips. Where that is not possible, the
 * sentence says why.
 */
export const besideTrivial = (groups: readonly Group[]): string[] =>
  groups.map(({ label, reports, doubt }) => {
    if (!reports) return doubt ?? `${label}: not evaluated`;
    return said(label, () => compareWithTrivial(reports, label).line);
  });

/** Every two groups on the same clips, by horizon MSE and SSIM; scores per clip are means over seeds. */
export function pairsOf(groups: readonly Group[]): string[] {
  const scored = groups.filter(({ reports }) => reports);
  return scored.flatMap((a, i) =>
    scored.slice(i + 1).flatMap((b) => {
      const both = `${a.label} and ${b.label}`;
      if (clipsKey(firstScored(a)) !== clipsKey(firstScored(b)))
        return [`${both} were scored on different clips: no paired comparison`];
      const reports = { ...b.reports, ...a.reports };
      return ["mse", "ssim"].map((score) =>
        said(both, () => compareForecasters(reports, a.label, b.label, score).line),
      );
    }),
  );
}

function said(who: string, compare: () => string): string {
  try {
    return compare();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${who}: no comparison, ${error.message}`;
  }
}
