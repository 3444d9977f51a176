import { chooseBackend } from "../backend/choose";
import { readNpy, writeNpy } from "../datasets/formats/npy";
import { requireFinite } from "../datasets/requireFinite";
import { readClip, toClip } from "../evaluate";
import { predict as forecast } from "../rollout";
import { latestState, openRun } from "../train/run";
import { type Sequences, UsageError, UserError } from "../types";
import { type Command, common, parse, remark, textOf, wholeOf } from "./command";

export const predict: Command = {
  summary: "forecast clips of a .npy file with a run's newest weights",
  usage: "DIR --input CLIPS.npy --out FORECAST.npy [--horizon N] [--backend NAME]",
  async run(args) {
    const options = {
      ...common,
      input: { type: "string" },
      horizon: { type: "string" },
      out: { type: "string" },
    } as const;
    const { values, positionals } = parse(args, options, ["DIR"]);
    const [input, out] = [textOf(values, "input"), textOf(values, "out")];
    if (input === undefined || out === undefined)
      throw new UsageError("predict: expected --input CLIPS.npy and --out FORECAST.npy");
    const run = openRun(positionals[0]);
    const horizon = wholeOf(values, "horizon", 1) ?? run.settings.horizon;
    const context = requireFinite(readClips(input), input);
    remark((await chooseBackend(textOf(values, "backend"))).line);
    const { model, state } = latestState(run);
    const predicted = forecast(model, state.params, toClip(context), horizon);
    const { data, shape } = await readClip(predicted);
    writeNpy(out, { data, shape: [...shape] });
    console.log(`${out}: forecast [${shape.join(", ")}] (batch, time, height, width, channels), not clipped`);
    return { json: { out, shape } };
  },
};

/** Clips [batch, time, height, width, channels] of a file; one clip may lack the batch axis, grey ones the channels. */
function readClips(path: string): Sequences {
  const { shape, data } = readNpy(path);
  const five = shape.length === 3 ? [1, ...shape, 1] : shape.length === 4 ? [1, ...shape] : shape;
  if (five.length !== 5 || data.length === 0) {
    throw new UserError(
      `${path} is [${shape.join(", ")}], expected [batch, time, height, width, channels] or [time, height, width]`,
    );
  }
  return { data: Float32Array.from(data as ArrayLike<number>, Number), shape: five as unknown as Sequences["shape"] };
}
