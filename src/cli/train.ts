import { chooseBackend } from "../backend/choose";
import { progress } from "../display/progress";
import { type Prepared, prepare } from "../prepare";
import { dryRun } from "../train/dryRun";
import { createRun, newestCheckpoint, openRun, type Run } from "../train/run";
import { trainRun } from "../train/trainRun";
import { UsageError } from "../types";
import { type Command, common, type Outcome, parse, remark, textOf } from "./command";
import { tellDryRun } from "./dryRun";
import { tellPreparing } from "./preparing";
import { chosenSettings, givenSettings, optionOf, settingOptions, settingUsage } from "./settings";

const options = {
  ...common,
  ...settingOptions,
  profile: { type: "string" },
  config: { type: "string" },
  "dry-run": { type: "boolean" },
  out: { type: "string" },
  resume: { type: "string" },
} as const;

export const train: Command = {
  summary: "train a network into a new run folder, or continue one",
  usage:
    `--out DIR | --dry-run  [--profile paper|small|fallback|quick (default: paper)] [--config FILE.json] ${settingUsage} [--backend NAME] [--json]; ` +
    "or --resume DIR [--backend NAME]",
  async run(args) {
    const { values } = parse(args, options);
    const [resume, out, config] = ["resume", "out", "config"].map((name) => textOf(values, name));
    const dry = values["dry-run"] === true;
    if ([resume !== undefined, out !== undefined, dry].filter(Boolean).length !== 1)
      throw new UsageError("train: expected one of --out DIR, --resume DIR, --dry-run");
    if (resume !== undefined) {
      const [given] = Object.keys(givenSettings(values)).map(optionOf);
      const extra = given ?? ["profile", "config"].find((name) => values[name] !== undefined);
      if (extra) throw new UsageError(`--${extra} cannot be changed when a run is continued`);
    }
    const { name: backend, line } = await chooseBackend(textOf(values, "backend"));
    remark(line);
    const run = resume === undefined ? undefined : openRun(resume);
    const prepared = await prepare(run?.settings ?? chosenSettings(values, config), tellPreparing());
    if (dry) return tellDryRun(await dryRun(prepared));
    // Everything that can be wrong with the data shows before the folder is made.
    if (!run) await prepared.dataset.sequences("train", [0]);
    return finish(run ?? (await createRun(out!, prepared, backend)), prepared, backend);
  },
};

async function finish(run: Run, prepared: Prepared, backend: string): Promise<Outcome> {
  const { batch, iterations, context, horizon } = run.settings;
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  let bar = progress(iterations, { framesPerStep: batch * (context + horizon - 1) });
  let iteration = 0;
  let early = false;
  try {
    for await (const event of trainRun(run, prepared, { backend, signal: stopping.signal })) {
      iteration = event.state.iteration;
      if (event.kind === "note") remark(event.text);
      if (event.kind === "resume") {
        remark(`continuing ${run.folder} after iteration ${iteration}`);
        bar = progress(iterations, { framesPerStep: batch * (context + horizon - 1), start: iteration });
      }
      if (event.kind === "step") bar.update(iteration, { loss: event.loss });
      if (event.kind === "validation")
        remark(
          `iteration ${iteration}: validation MSE ${event.score.toPrecision(5)}${event.best ? ", the best so far" : ""}`,
        );
      if (event.kind === "done") early = event.early === true;
    }
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
  // Asked to stop during the last step, it is done all the same.
  const stopped = stopping.signal.aborted && iteration < iterations && !early;
  bar.done(stopped ? "stopped" : early ? "no better validation score" : undefined);
  const checkpoint = newestCheckpoint(run);
  const json = { run: run.folder, iteration, checkpoint };
  if (stopped) {
    remark(`stopped after iteration ${iteration}; continue with: ms-rnn train --resume ${run.folder}`);
    return { json: { ...json, stopped: true }, status: 1 };
  }
  const why = early ? `, ended early: no better validation score in ${run.settings.patience} looks` : "";
  console.log(`${run.folder}: ${iteration} iterations${why}, weights in ${checkpoint}`);
  return { json: { ...json, ...(early && { early }) } };
}
