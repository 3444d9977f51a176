import { brief } from "../display/axis";
import type { Picture } from "../display/mime";
import { format, type TableRow } from "../display/table";
import { trivialForecasters } from "../evaluate";
import {
  besideTrivial,
  clipsKey,
  differingSettings,
  firstScored,
  type Group,
  pairsOf,
  type Spread,
  spread,
} from "./compare";
import type { Block } from "./document";
import { groupBy } from "./evaluations";
import { baseName, protocolDifferences, protocolOf, publishedFor } from "./protocol";
import { type Protocol, type PublishedResult, publishedClaims, publishedCosts, publishedTables } from "./published";
import type { RunFacts } from "./runFacts";

const usual = ["mse", "mae", "ssim", "psnr"];

/** One row a run: what it was, what it cost, how good it is. Values are numbers as they are; what is not known is absent. */
export function runRow(run: RunFacts): TableRow {
  const { settings, cost, evaluation, iterations, finalLoss, secondsPerStep, peakBytes } = run;
  const scores = evaluation?.reports[settings.model] ?? [];
  const told = scores.length > 0 ? `iteration ${evaluation!.iteration}, ${evaluation!.clips} clips` : "not evaluated";
  const horizon = scores.map(({ name, horizon: value }) => [`horizon ${name.toUpperCase()}`, value]);
  return {
    run: run.name,
    model: settings.model,
    data: run.dataset,
    parameters: cost.parameters,
    "MACs/step": cost.macsPerStep,
    iterations,
    seed: settings.seed,
    "loss at the end": finalLoss,
    ...Object.fromEntries(horizon),
    scored: told,
    "s/step": secondsPerStep,
    ...(peakBytes !== undefined && { "peak MB": peakBytes / 1e6 }),
    backend: run.backend,
    ...(run.machine && { machine: run.machine }),
    date: run.date?.slice(0, 10),
    ...(run.commit && { commit: run.commit.slice(0, 12) }),
  };
}

/** All parts of a report, in their order. `figures` are written beside it, by their names. */
export function contents(
  runs: readonly RunFacts[],
  groups: readonly Group[],
  figures: Readonly<Record<string, Picture>>,
): Block[] {
  const repeated = groups.some(({ runs: members }) => members.length > 1);
  const pairs = pairsOf(groups);
  const pictures = (which: (name: string) => boolean) =>
    Object.entries(figures)
      .filter(([name]) => which(name))
      .map(([name, { png, text }]): Block => ({ kind: "picture", file: fileOf(name), png, text }));
  return [
    ...warnings(runs).map((text): Block => ({ kind: "warning", text })),
    { kind: "heading", text: "Runs" },
    tableOf(runs.map(runRow)),
    {
      kind: "text",
      text:
        "MACs/step: multiply-adds of one step of one clip. Loss at the end: mean of the last twentieth of the logged steps. Horizon " +
        "scores: means over the frames whose truth was never seen, on test clips. s/step: median of the log.",
    },
    ...(repeated || groups.length > 1
      ? section("Mean over seeds", [tableOf(groupRows(groups)), ...differences(groups)])
      : []),
    ...section(
      "Scores per frame",
      pictures((name) => name.startsWith("scores")),
    ),
    ...section("Beside the trivial forecasts", [{ kind: "list", items: besideTrivial(groups) }]),
    ...section("Pairs", pairs.length > 0 ? [{ kind: "list", items: pairs }] : []),
    ...section(
      "While training",
      pictures((name) => name === "loss"),
    ),
    ...section(
      "Example forecasts",
      pictures((name) => name.startsWith("forecast")),
    ),
    ...published(groups),
  ];
}

export const fileOf = (figure: string): string => `report-${figure}.png`;

const section = (text: string, blocks: readonly Block[]): Block[] =>
  blocks.length > 0 ? [{ kind: "heading", text }, ...blocks] : [];

/** A table's block: columns in order of first appearance, those without any value left out. */
function tableOf(rows: readonly TableRow[]): Block {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const head = columns.filter((column) => rows.some((row) => row[column] !== undefined));
  return { kind: "table", head, rows: rows.map((row) => head.map((column) => format(row[column]))) };
}

function warnings(runs: readonly RunFacts[]): string[] {
  return runs.flatMap(({ name, iterations, settings, evaluation }) => [
    ...(iterations < settings.iterations
      ? [`${name} is not finished: ${iterations} of ${settings.iterations} iterations`]
      : []),
    ...(evaluation && evaluation.iteration !== iterations
      ? [`${name} was scored at iteration ${evaluation.iteration}, but trained to ${iterations}`]
      : []),
  ]);
}

/** "12.31 ± 0.4"; a single run's value alone. */
const told = ({ mean, deviation }: Spread) =>
  deviation === undefined ? format(mean) : `${format(mean)} ± ${brief(deviation, 2)}`;

function groupRows(groups: readonly Group[]): TableRow[] {
  const ours = groups.map(({ label, runs, scores }): TableRow => {
    const over = (values: readonly (number | undefined)[]) => {
      const known = values.filter((value) => value !== undefined);
      return known.length > 0 ? told(spread(known)) : undefined;
    };
    return {
      "runs that differ in the seed alone": label,
      seeds: runs.length,
      ...Object.fromEntries(usual.map((name) => [name.toUpperCase(), scores[name] && told(scores[name])])),
      "loss at the end": over(runs.map(({ finalLoss }) => finalLoss)),
      "s/step": over(runs.map(({ secondsPerStep }) => secondsPerStep)),
    };
  });
  const scored = [
    ...groupBy(
      groups.filter(({ reports }) => reports),
      (group) => clipsKey(firstScored(group)),
    ).values(),
  ];
  const baselines = scored.flatMap(([{ reports }], i) =>
    Object.keys(trivialForecasters).flatMap((name): TableRow[] => {
      const list = reports![name] ?? [];
      const values = list.map((report) => [report.name.toUpperCase(), format(report.horizon)]);
      const where = scored.length > 1 ? ` (clips of ${scored[i][0].label})` : "";
      return list.length > 0
        ? [{ "runs that differ in the seed alone": `${name}${where}`, ...Object.fromEntries(values) }]
        : [];
    }),
  );
  return [...ours, ...baselines];
}

/** The settings in which the groups differ. */
function differences(groups: readonly Group[]): Block[] {
  const rows = Object.entries(differingSettings(groups)).map(([label, settings]) => ({
    "settings that differ": label,
    ...settings,
  }));
  return Object.keys(rows[0]).length > 1 ? [tableOf(rows)] : [];
}

/** Published numbers of the same networks, with a warning where the protocols differ. */
function published(groups: readonly Group[]): Block[] {
  const alike = [...groupBy(groups, ({ runs: [run] }) => `${baseName(run.settings.model)} ${run.dataset}`).values()];
  const tables = alike.flatMap((some) =>
    publishedFor(publishedTables, some[0].runs[0]).flatMap(({ title, source, protocol, rows }): Block[] => [
      { kind: "text", text: `${title}. Source: ${source}` },
      ...protocolWarnings(some, protocol),
      tableOf(rows.map(publishedRow)),
    ]),
  );
  const networks = new Set(groups.map(({ runs: [{ settings }] }) => baseName(settings.model)));
  const costs = publishedCosts.filter(({ model }) => networks.has(model));
  const costTable = tableOf(
    costs.map(({ model, parameters, base, multiScale }) => ({
      model,
      "parameters, millions": parameters,
      "MACs of 20 frames, billions": base,
      "multi-scale": multiScale,
    })),
  );
  const claims = publishedClaims.map(({ paper, claim, source }) => `${paper}: ${claim}. Source: ${source}`);
  return [
    ...section("Published numbers", tables),
    ...section("Cost of the published networks (64 channels, 64 x 64)", costs.length > 0 ? [costTable] : []),
    ...section("What papers say of MS-RNN", [{ kind: "list", items: claims }]),
  ];
}

const publishedRow = ({
  model,
  parameters,
  flops,
  speed,
  mse,
  mae,
  ssim,
  psnr,
  lpips,
  source,
}: PublishedResult): TableRow => ({
  model,
  "parameters, millions": parameters,
  "FLOPs, billions": flops,
  "frames/s": speed,
  ...{ MSE: mse, MAE: mae, SSIM: ssim, PSNR: psnr, LPIPS: lpips, source },
});

/** One warning for all groups that differ from the protocol in the same way. */
function protocolWarnings(groups: readonly Group[], protocol: Protocol): Block[] {
  const doubtOf = ({ runs: [run] }: Group) => {
    const { differ, untold } = protocolDifferences(protocolOf(run), protocol);
    const parts = [differ.join("; "), untold.length > 0 ? `not told there: ${untold.join(", ")}` : ""];
    return parts.filter(Boolean).join(". ");
  };
  const byDoubt = [...groupBy(groups, doubtOf)].filter(([doubt]) => doubt !== "");
  return byDoubt.map(([doubt, some]) => ({
    kind: "warning",
    text: `not the protocol of ${some.map(({ label }) => label).join(" and ")}: ${doubt}`,
  }));
}
