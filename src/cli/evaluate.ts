import { join } from "node:path";
import { chooseBackend } from "../backend/choose";
import { progress } from "../display/progress";
import { table } from "../display/table";
import { networkForecaster, evaluate as score, trivialForecasters } from "../evaluate";
import { writeAtomic } from "../files";
import { paired } from "../metrics/paired";
import { prepare } from "../profiles";
import { scoreRows } from "../scoreTable";
import { latestState, openRun } from "../train/run";
import { type Command, common, numberOf, parse, remark, textOf } from "./command";

export const evaluate: Command = {
  summary: "score a run's newest weights on the test clips, beside the trivial baselines",
  usage: "DIR [--clips N] [--backend NAME] [--json]",
  async run(args) {
    const { values, positionals } = parse(args, { ...common, clips: { type: "string" } }, ["DIR"]);
    const run = openRun(positionals[0]);
    const take = numberOf(values, "clips") ?? run.settings.testClips;
    remark((await chooseBackend(textOf(values, "backend"))).line);
    const { model, state } = latestState(run);
    const { dataset } = prepare(run.settings);
    const bar = progress(take, { label: "scoring clips" });
    const forecasters = { ...trivialForecasters, [model.name]: networkForecaster(model, state.params) };
    const { context } = run.settings;
    const reports = await score(forecasters, dataset, { context, take, onProgress: (done) => bar.update(done) });
    bar.done();
    const rows = scoreRows(reports);
    console.log(table(rows).text);
    const [mse, black] = [model.name, "black frame"].map((name) => reports[name][0].clips!);
    const difference = paired(mse, black);
    console.log(
      `horizon MSE less that of the black frame: ${difference.mean.toFixed(2)}, ` +
        `95 % interval over clips ${difference.low.toFixed(2)} to ${difference.high.toFixed(2)}`,
    );
    // One line a frame and score, so that any figure can be drawn again.
    const lines = Object.entries(reports).flatMap(([name, list]) =>
      list.flatMap(({ name: which, perFrame }) => perFrame.map((value, i) => `${name},${which},${i + 1},${value}`)),
    );
    const csv = join(run.folder, `scores-${state.iteration}.csv`);
    writeAtomic(csv, `${["forecaster,score,predicted_frame,value", ...lines].join("\n")}\n`);
    console.log(`per frame: ${csv}`);
    return { json: { run: run.folder, iteration: state.iteration, clips: take, scores: rows, difference } };
  },
};
