import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DataFrame } from "danfojs-node";
import { decodePicture } from "../display/canvas";
import { DISPLAY, type Displayable, type Picture, picture } from "../display/mime";
import { type Table, type TableRow, table } from "../display/table";
import { readFile, writeAtomic } from "../files";
import { UserError } from "../types";
import { clipsKey, firstScored, groupRuns } from "./compare";
import { contents, fileOf, runRow } from "./contents";
import { csvLine } from "./csv";
import { toHtml, toMarkdown, toPage } from "./document";
import { groupBy } from "./evaluations";
import { groupCurves, lossCurves } from "./figures";
import { type RunFacts, readRun } from "./runFacts";

export interface ReportOptions {
  /** Default: the name of the run, or how many there are. */
  title?: string;
}

/** A report on runs: what a notebook shows, and what is written as files. */
export interface Report extends Displayable {
  /** One a run, with unrounded numbers. */
  readonly rows: readonly TableRow[];
  readonly table: Table;
  /** Pictures by name: `scores`, `loss`, `forecast-1`, ... */
  readonly figures: Readonly<Record<string, Picture>>;
  readonly markdown: string;
  /** One piece that needs nothing else. */
  readonly html: string;
  /** The rows as comma-separated values. */
  readonly csv: string;
  /** The rows as a danfo DataFrame. */
  dataFrame(): DataFrame;
  /**
   * Writes report.md, report.html, report.csv and the figures, each in one move; an earlier report there is replaced. Returns the paths.
   * Errors: the folder holds other things and is none of the runs, or cannot be written.
   */
  write(folder: string): string[];
}

/**
 * One table and one set of figures of many runs: scores, cost, mean and deviation over seeds, paired intervals over clips, published
 * numbers. Runs that were not evaluated keep their row. Errors: no such run, one given twice, a damaged file of a run.
 *
 *     const r = await report(["runs/a", "runs/b"]);
 *     await show(r);
 */
export async function report(folders: readonly string[], options: ReportOptions = {}): Promise<Report> {
  if (folders.length === 0) throw new UserError("report: expected at least one run");
  const twice = folders.find((folder, i) => folders.slice(0, i).some((one) => resolve(one) === resolve(folder)));
  if (twice !== undefined) throw new UserError(`report: ${twice} is given twice`);
  const runs = named(folders.map(readRun));
  const groups = groupRuns(runs);
  const { title = runs.length === 1 ? `Run ${runs[0].name}` : `${runs.length} runs` } = options;

  const alike = groupBy(
    groups.filter(({ reports }) => reports),
    (group) => clipsKey(firstScored(group)),
  );
  const figures: Record<string, Picture> = {};
  for (const [i, some] of [...alike.values()].entries()) {
    figures[i === 0 ? "scores" : `scores-${i + 1}`] = groupCurves(some, firstScored(some[0]).settings.context);
  }
  const losses = lossCurves(groups);
  if (losses) figures.loss = losses;
  // One a group: runs of other seeds look alike.
  const examples = groups.flatMap(({ runs: members }) => members.find(({ forecast }) => forecast) ?? []);
  for (const [i, run] of examples.entries()) figures[`forecast-${i + 1}`] = await example(run);

  const rows = runs.map(runRow);
  const document = { title, blocks: contents(runs, groups, figures) };
  const shown = table(rows, { caption: title });
  const [markdown, html] = [toMarkdown(document), toHtml(document)];
  const csv = `${[shown.columns, ...rows.map((row) => shown.columns.map((column) => (row[column] ?? "") as string))].map(csvLine).join("\n")}\n`;
  return {
    rows,
    table: shown,
    figures,
    markdown,
    html,
    csv,
    dataFrame: () => shown.dataFrame,
    write(folder) {
      if (!runs.some((run) => resolve(run.folder) === resolve(folder))) requireOurs(folder);
      const files: [string, string | Buffer][] = [
        ...Object.entries(figures).map(([name, { png }]): [string, Buffer] => [fileOf(name), png]),
        ["report.csv", csv],
        ["report.md", markdown],
        ["report.html", toPage(document)],
      ];
      return files.map(([name, content]) => {
        writeAtomic(join(folder, name), content);
        return join(folder, name);
      });
    },
    [DISPLAY]: () => ({ "text/html": html, "text/plain": shown.text }),
  };
}

/** Runs of one name are called by their paths. */
function named(runs: readonly RunFacts[]): RunFacts[] {
  const isTaken = (run: RunFacts) => runs.some((other) => other !== run && other.name === run.name);
  return runs.map((run) => (isTaken(run) ? { ...run, name: run.folder } : run));
}

async function example({ name, folder, forecast }: RunFacts): Promise<Picture> {
  const png = forecast!;
  try {
    const { width, height } = await decodePicture(png);
    return picture({ png, width, height, text: `${name}: context, truth and forecast of a test clip` });
  } catch {
    throw new UserError(`${join(folder, "forecast.png")} is damaged, expected a PNG picture`);
  }
}

/** Error: the folder has files, and they are not those of an earlier report. */
function requireOurs(folder: string): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) throw new UserError(`${folder} is a file, expected a folder for the report`);
  const names = readdirSync(folder);
  const foreign = names.find((name) => !/^report(-(scores|loss|forecast)(-\d+)?\.png|\.(md|html|csv))$/.test(name));
  const page = join(folder, "report.html");
  const isOurs = existsSync(page) && readFile(page, "report").includes('content="ms-rnn report"');
  if (names.length === 0 || (foreign === undefined && isOurs)) return;
  throw new UserError(`${folder} holds ${foreign ?? names[0]}, expected an empty folder or one with an earlier report`);
}
