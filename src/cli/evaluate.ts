import { join } from "node:path";
import { chooseBackend } from "../backend/choose";
import { progress } from "../display/progress";
import { table } from "../display/table";
import { networkForecaster, evaluate as score, trivialForecasters } from "../evaluate";
import { writeAtomic } from "../files";
import { scoresNamed } from "../metrics/all";
import { prepare } from "../profiles";
import { compareWithTrivial, scoreRows } from "../scoreTable";
import { latestState, openRun } from "../train/run";
import { type Command, common, parse, remark, textOf, wholeOf } from "./command";

export const evaluate: Command = {
  summary: "score a run's newest weights on the test clips, beside the trivial baselines",
  usage: "DIR [--clips N] [--scores mse,ssim,csi,...] [--backend NAME] [--json]",
  async run(args) {
    const { values, positionals } = parse(args, { ...common, clips: { type: "string" }, scores: { type: "string" } }, [
      "DIR",
    ]);
    const named = textOf(values, "scores")?.split(",");
    // The comparison with the trivial forecasts is one of MSE.
    const scores = named && scoresNamed([...new Set(["mse", ...named])]);
    const run = openRun(positionals[0]);
    const { dataset } = prepare(run.settings);
    // A paired interval needs two clips.
    const take = Math.min(wholeOf(values, "clips", 2) ?? run.settings.testClips, dataset.size("test"));
    remark((await chooseBackend(textOf(values, "backend"))).line);
    const { model, state } = latestState(run);
    const bar = progress(take, { label: "scoring clips" });
    const forecasters = { ...trivialForecasters, [model.name]: networkForecaster(model, state.params) };
    const { context } = run.settings;
    const reports = await score(forecasters, dataset, {
      context,
      take,
      scores,
      onProgress: (done) => bar.update(done),
    });
    bar.done();
    const rows = scoreRows(reports);
    console.log(table(rows).text);
    const { line, ...comparison } = compareWithTrivial(reports, model.name);
    console.log(line);
    // One line a frame and score, so that any figure can be drawn again.
    const lines = Object.entries(reports).flatMap(([name, list]) =>
      list.flatMap(({ name: which, perFrame }) => perFrame.map((value, i) => `${name},${which},${i + 1},${value}`)),
    );
    const which = named ? `-${named.join("-")}` : "";
    const csv = join(run.folder, `scores${which}-${state.iteration}-of-${take}-clips.csv`);
    writeAtomic(csv, `${["forecaster,score,predicted_frame,value", ...lines].join("\n")}\n`);
    console.log(`per frame: ${csv}`);
    return { json: { run: run.folder, iteration: state.iteration, clips: take, scores: rows, ...comparison } };
  },
};
