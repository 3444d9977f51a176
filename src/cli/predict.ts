import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join, relative } from "node:path";
import { chooseBackend } from "../backend/choose";
import { joinClips } from "../datasets/batch";
import { writeNpy } from "../datasets/formats/npy";
import { type GivenClip, givenClips } from "../datasets/givenClips";
import { progress } from "../display/progress";
import { fitClips, forecastClips } from "../forecastClips";
import type { Model, ModelParams } from "../model";
import { openRun, type Run, stateOf, type Which } from "../train/run";
import { forecastParams } from "../train/state";
import { type Sequences, UsageError, UserError } from "../types";
import { loadWeights, networkOf } from "../weights/weightsFile";
import { type Command, common, type Outcome, parse, remark, textOf, wholeOf } from "./command";
import { type Format, filesOf, formats, requireFolderOrNew, requireNew, writeForecast } from "./forecastFiles";
import { whichOf } from "./which";

export const predict: Command = {
  summary: "forecast clips of a file or folder with a run's newest weights, or with those of a file",
  usage:
    "DIR|WEIGHTS.safetensors --input FILE|FOLDER --out FORECAST.npy|FOLDER [--horizon N] [--context N] [--resize] " +
    "[--format npy|png|gif] [--checkpoint newest|best|ITERATION] [--backend NAME] [--json]\n" +
    "  --input    a .npy or .npz file of a clip or a batch of clips, a video, or a folder of these and of folders of pictures\n" +
    "  --out      of a file as npy: one array; else a folder, where each clip has NAME.npy, NAME.gif, or NAME.png and NAME/0001.png, ...\n" +
    "  --horizon  frames to forecast; default: as trained\n" +
    "  --context  see the last N frames of each clip; default: all\n" +
    "  --resize   resize frames to the network's, with a file of weights to those of the first clip; else other sizes are an error\n" +
    "All clips are checked before anything is computed; existing files are an error. Ctrl-C keeps what was written so far.",
  async run(args) {
    const options = {
      ...common,
      input: { type: "string" },
      out: { type: "string" },
      horizon: { type: "string" },
      context: { type: "string" },
      format: { type: "string" },
      resize: { type: "boolean" },
      checkpoint: { type: "string" },
    } as const;
    const { values, positionals } = parse(args, options, ["DIR|WEIGHTS.safetensors"]);
    const [input, out] = [textOf(values, "input"), textOf(values, "out")];
    if (input === undefined || out === undefined)
      throw new UsageError("predict: expected --input CLIPS.npy and --out FORECAST.npy, or two folders");
    const format = formatOf(textOf(values, "format") ?? "npy");
    const context = wholeOf(values, "context", 1);
    const source = positionals[0];
    const run = source.endsWith(".safetensors") ? undefined : openRun(source);
    const horizon = wholeOf(values, "horizon", 1) ?? run?.settings.horizon;
    if (horizon === undefined)
      throw new UsageError("predict: expected --horizon N, which a file of weights does not say");
    const which = whichOf(values) ?? "newest";
    if (!run && values.checkpoint !== undefined)
      throw new UsageError("--checkpoint: expected a run's folder, which has several");
    const isFolder = statSync(input, { throwIfNoEntry: false })?.isDirectory() ?? false;
    const target: Target = { out, format, horizon, single: !isFolder && format === "npy" };
    requireTarget(target, isFolder ? input : undefined);
    remark((await chooseBackend(textOf(values, "backend"))).line);
    const network = run ? weightsOf(run, which) : weightsAt(source);
    requireDrawable(network.channels, format);
    return withTemporary(async (cache) => {
      const given = await givenClips(input, { channels: network.channels === 3 ? 3 : 1, cache });
      const { model, params } = network.for(given[0]);
      const clips = fitClips(model, given, { context, resize: values.resize === true });
      requireNew(target.single ? [{ main: out, frames: [] }] : clips.map((clip) => filesFor(clip, target)));
      if (run) for (const line of beyondTraining(run.settings, clips, horizon)) remark(line);
      return forecastInto(target, model, params, clips);
    });
  },
};

interface Target {
  readonly out: string;
  readonly format: Format;
  readonly horizon: number;
  /** All clips go into one array. */
  readonly single: boolean;
}

const filesFor = ({ name }: GivenClip, { out, format, horizon }: Target) => filesOf(out, name, format, horizon);

function formatOf(name: string): Format {
  const known = formats.find((format) => format === name);
  if (known) return known;
  throw new UsageError(`--format is ${name}, expected ${formats.join(", ")}`);
}

/** Errors: a folder that is named like a file, or is one, or lies in the folder that is read. */
function requireTarget({ out, single }: Target, inputFolder?: string): void {
  if (single) return;
  if (formats.includes(extname(out).slice(1) as Format))
    throw new UsageError(`--out is ${out}, expected a folder, in which each clip has files of its own`);
  requireFolderOrNew(out);
  if (inputFolder !== undefined && !/^\.\.([/\\]|$)/.test(relative(inputFolder, out)))
    throw new UserError(`${out} lies in ${inputFolder}, where it would be taken for clips: choose another --out`);
}

function requireDrawable(channels: number, format: Format): void {
  if (format !== "npy" && channels !== 1 && channels !== 3)
    throw new UserError(`--format is ${format}, but the model gives ${channels} channels; 1 or 3 can be drawn`);
}

interface Network {
  readonly channels: number;
  /** With frames of the clip's size where the weights fit any. */
  for(clip: GivenClip): { readonly model: Model; readonly params: ModelParams };
}

function weightsOf(run: Run, which: Which): Network {
  const { model, state } = stateOf(run, which);
  return { channels: model.frame.channels, for: () => ({ model, params: forecastParams(state) }) };
}

function weightsAt(path: string): Network {
  const { config, params } = loadWeights(path);
  const sized = ({ shape: [, height, width] }: GivenClip) => networkOf(config, { height, width });
  return { channels: config.channels, for: (clip) => ({ model: sized(clip), params }) };
}

/** Runs `work` with a folder that is there only so long. */
async function withTemporary<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "ms-rnn-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the network was not trained for, a line each. */
function beyondTraining(
  trained: { readonly context: number; readonly horizon: number },
  clips: readonly GivenClip[],
  horizon: number,
): string[] {
  const others = [...new Set(clips.map(({ shape: [time] }) => time))].filter((time) => time !== trained.context);
  const [least, most] = [Math.min(...others), Math.max(...others)];
  const lengths = least === most ? `${most}` : `${least} to ${most}`;
  return [
    ...(others.length > 0
      ? [`context ${lengths} is not the ${trained.context} frames it was trained with; errors may be larger`]
      : []),
    ...(horizon > trained.horizon
      ? [`horizon ${horizon} is longer than the ${trained.horizon} frames it was trained for; errors grow`]
      : []),
  ];
}

async function forecastInto(target: Target, model: Model, params: ModelParams, clips: GivenClip[]): Promise<Outcome> {
  const { out, format, horizon, single } = target;
  const frames = clips.reduce((sum, { shape: [time] }) => sum + time + horizon - 1, 0);
  const bar = progress(clips.length, { label: "predicting clips", framesPerStep: frames / clips.length });
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const kept: Sequences[] = [];
  const written: { name: string; out: string; shape: number[] }[] = [];
  let done = 0;
  try {
    for await (const result of forecastClips(model, params, clips, { horizon, signal: stopping.signal })) {
      if (single) kept.push(result.forecast);
      else {
        const files = filesFor(result.clip, target);
        written.push({ name: result.clip.name, out: files.main, shape: writeForecast(files, format, result) });
      }
      bar.update(++done);
    }
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
  const stopped = done < clips.length;
  bar.done(stopped ? "stopped" : undefined);
  if (stopped) {
    const left = single ? "nothing was written" : `their forecasts are in ${out}`;
    remark(`stopped after ${done} of ${clips.length} clips; ${left}`);
    return { json: { out, clips: written, stopped: true }, status: 1 };
  }
  if (!single) {
    console.log(`${out}: forecasts of ${done} clips, ${horizon} frames each, as ${format}`);
    return { json: { out, clips: written } };
  }
  const { data, shape } = joinClips(kept);
  writeNpy(out, { data, shape });
  console.log(`${out}: forecast [${shape.join(", ")}] (batch, time, height, width, channels), not clipped`);
  return { json: { out, shape } };
}
