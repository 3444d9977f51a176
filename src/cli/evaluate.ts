import { join } from "node:path";
import { chooseBackend } from "../backend/choose";
import type { Dataset, Split } from "../datasets/dataset";
import { sliceChannel } from "../datasets/sliceChannel";
import { sliceTime } from "../datasets/sliceTime";
import { frames } from "../display/frames";
import { gif } from "../display/gif";
import { progress } from "../display/progress";
import { save } from "../display/save";
import { table } from "../display/table";
import { type Forecaster, networkForecaster, evaluate as score, trivialForecasters } from "../evaluate";
import { scoresNamed } from "../metrics/all";
import { openData } from "../prepare";
import { scoreCurves } from "../report/figures";
import { addScores } from "../report/scoresFile";
import { compareWithTrivial, scoreRows } from "../scoreTable";
import { openRun, requireSameData, stateOf } from "../train/run";
import { forecastParams } from "../train/state";
import { type Sequences, UsageError } from "../types";
import { type Command, common, parse, remark, textOf, wholeOf } from "./command";
import { tellPreparing } from "./preparing";
import { whichOf } from "./which";

const options = {
  ...common,
  clips: { type: "string" },
  scores: { type: "string" },
  split: { type: "string" },
  checkpoint: { type: "string" },
} as const;

export const evaluate: Command = {
  summary: "score a run's weights on the test clips, beside the trivial baselines",
  usage:
    "DIR [--clips N] [--scores mse,ssim,csi,...] [--split test|validation] [--checkpoint newest|best|ITERATION] [--backend NAME] [--json]",
  async run(args) {
    const { values, positionals } = parse(args, options, ["DIR"]);
    const named = textOf(values, "scores")?.split(",");
    // The comparison with the trivial forecasts is one of MSE.
    const scores = named && scoresNamed([...new Set(["mse", ...named])]);
    const split = splitOf(textOf(values, "split") ?? "test");
    const which = whichOf(values) ?? "newest";
    const run = openRun(positionals[0]);
    const dataset = await openData(run.settings, tellPreparing());
    await requireSameData(run, dataset);
    // A paired interval needs two clips.
    const take = Math.min(wholeOf(values, "clips", 2) ?? run.settings.testClips, dataset.size(split));
    remark((await chooseBackend(textOf(values, "backend"))).line);
    const { model, state } = stateOf(run, which);
    const bar = progress(take, { label: "scoring clips" });
    const network = networkForecaster(model, forecastParams(state));
    const { context } = run.settings;
    const reports = await score({ ...trivialForecasters, [model.name]: network }, dataset, {
      context,
      split,
      take,
      scores,
      onProgress: (done) => bar.update(done),
    });
    bar.done();
    const { iteration } = state;
    const ids = Array.from({ length: take }, (_, index) => dataset.id(split, index));
    const files = addScores(run.folder, { iteration, split, ids, reports });
    const rows = scoreRows(reports);
    console.log(table(rows).text);
    const { line, ...comparison } = compareWithTrivial(reports, model.name);
    console.log(line);
    const title = `${model.name} after ${iteration} iterations, ${split} clips`;
    await save(scoreCurves(reports, { title, context }), join(run.folder, "curves.png"));
    await saveExample(run.folder, `${model.name} after ${iteration} iterations`, network, dataset, split, context);
    console.log(
      `per frame: ${files.scores}; per clip: ${files.clips}; curves.png, forecast.png and forecast.gif beside them`,
    );
    return { json: { run: run.folder, iteration, split, clips: take, scores: rows, ...comparison, files } };
  },
};

function splitOf(name: string): Split {
  if (name === "test" || name === "validation") return name;
  throw new UsageError(`unknown --split: ${name}; expected test or validation`);
}

/** What the network makes of the first clip, as a picture and as an animation; replaced by every evaluation. */
async function saveExample(
  folder: string,
  title: string,
  network: Forecaster,
  dataset: Dataset,
  split: Split,
  context: number,
): Promise<void> {
  const clip = await dataset.sequences(split, [0]);
  const seen = sliceTime(clip, 0, context);
  const horizon = dataset.time - context;
  const predicted = await network(seen, horizon);
  // Flows in and out are two channels, which no picture has.
  const channels = clip.shape[4];
  const drawable = channels === 1 || channels === 3;
  const drawn = (frames: Sequences) => (drawable ? frames : sliceChannel(frames, 0));
  const shown = {
    context: drawn(seen),
    truth: drawn(sliceTime(clip, context)),
    forecast: drawn(sliceTime(predicted, context - 1)),
  };
  const name = `${title}: ${dataset.id(split, 0)}${drawable ? "" : `, channel 1 of ${channels}`}`;
  await save(frames(shown, { title: name }), join(folder, "forecast.png"));
  await save(gif(shown, { title: name }), join(folder, "forecast.gif"));
}
