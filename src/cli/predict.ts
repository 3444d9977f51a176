import { chooseBackend } from "../backend/choose";
import { readNpy, writeNpy } from "../datasets/formats/npy";
import { requireFinite } from "../datasets/requireFinite";
import { readClip, toClip } from "../evaluate";
import { predict as forecast } from "../rollout";
import { latestState, openRun, type Run } from "../train/run";
import { type Sequences, UsageError, UserError } from "../types";
import { loadWeights } from "../weights/weightsFile";
import { type Command, common, parse, remark, textOf, wholeOf } from "./command";

export const predict: Command = {
  summary: "forecast clips of a .npy file with a run's newest weights, or with those of a file",
  usage: "DIR|WEIGHTS.safetensors --input CLIPS.npy --out FORECAST.npy [--horizon N] [--backend NAME]",
  async run(args) {
    const options = {
      ...common,
      input: { type: "string" },
      horizon: { type: "string" },
      out: { type: "string" },
    } as const;
    const { values, positionals } = parse(args, options, ["DIR|WEIGHTS.safetensors"]);
    const [input, out] = [textOf(values, "input"), textOf(values, "out")];
    if (input === undefined || out === undefined)
      throw new UsageError("predict: expected --input CLIPS.npy and --out FORECAST.npy");
    const source = positionals[0];
    const run = source.endsWith(".safetensors") ? undefined : openRun(source);
    const horizon = wholeOf(values, "horizon", 1) ?? run?.settings.horizon;
    if (horizon === undefined)
      throw new UsageError("predict: expected --horizon N, which a file of weights does not say");
    const context = requireFinite(readClips(input), input);
    remark((await chooseBackend(textOf(values, "backend"))).line);
    const [, , height, width] = context.shape;
    const { model, params } = run ? weightsOf(run) : loadWeights(source, { height, width });
    const predicted = forecast(model, params, toClip(context), horizon);
    const { data, shape } = await readClip(predicted);
    writeNpy(out, { data, shape: [...shape] });
    console.log(`${out}: forecast [${shape.join(", ")}] (batch, time, height, width, channels), not clipped`);
    return { json: { out, shape } };
  },
};

const weightsOf = (run: Run) => {
  const { model, state } = latestState(run);
  return { model, params: state.params };
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
