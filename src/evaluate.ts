import * as tf from "@tensorflow/tfjs";
import { type Compiled, compile, type Step } from "./compile";
import { clips, type Dataset, type Split } from "./datasets/dataset";
import { sliceTime } from "./datasets/sliceTime";
import { usualScores } from "./metrics/all";
import { blackFrame, copyLast } from "./metrics/baselines";
import { type ScoreReport, scoreAll } from "./metrics/evaluate";
import type { Score } from "./metrics/score";
import type { Model, ModelParams } from "./model";
import { predict } from "./rollout";
import type { Clip, Sequences } from "./types";

/**
 * Anything that forecasts: from [batch, context, ...] to the predictions of frames 1 .. context + horizon - 1, those of
 * given frames included, as the paper scores them.
 */
export type Forecaster = (context: Sequences, horizon: number) => Sequences | Promise<Sequences>;

/** What any model has to beat: the last frame copied, and the black frame. */
export const trivialForecasters: Readonly<Record<string, Forecaster>> = {
  "copy last frame": copyLast,
  "black frame": blackFrame,
};

/**
 * A trained or untrained network as a forecaster, with its parameters or what tells those of the moment; `dispose` gives back what
 * it has recorded, not the parameters.
 */
export function networkForecaster(
  model: Model,
  params: ModelParams | (() => ModelParams),
): Forecaster & { dispose(): void } {
  const present = typeof params === "function" ? params : () => params;
  const byHorizon = new Map<number, Compiled<Record<string, never>, ForecastInputs, { forecast: Clip }>>();
  const compiled = (horizon: number) => {
    const known = byHorizon.get(horizon) ?? compile(forecastStep(model, horizon));
    byHorizon.set(horizon, known);
    return known;
  };
  const forecaster = async (context: Sequences, horizon: number) => {
    const clip = toClip(context);
    try {
      const result = await compiled(horizon).run({}, { params: present(), context: clip });
      const { forecast } = result!.outputs;
      const read = await readClip(forecast);
      forecast.dispose();
      return read;
    } finally {
      clip.dispose();
    }
  };
  const dispose = () => {
    for (const step of byHorizon.values()) step.dispose();
    byHorizon.clear();
  };
  return Object.assign(forecaster, { dispose });
}

type ForecastInputs = { readonly params: ModelParams; readonly context: Clip };

/** A forecast with its warm-up as a pure function, which `compile` can record. */
export const forecastStep =
  (model: Model, horizon: number): Step<Record<string, never>, ForecastInputs, { forecast: Clip }> =>
  (state, { params, context }) => ({
    state,
    outputs: { forecast: predict(model, params, context, horizon, { warmUp: true }) },
  });

/** Brings sequences onto the engine. */
export const toClip = ({ data, shape }: Sequences): Clip => tf.tensor5d(data, [...shape]);

/** Reads a clip back from the engine. */
export async function readClip(clip: Clip): Promise<Sequences> {
  return { data: (await clip.data()) as Float32Array, shape: clip.shape };
}

export interface EvaluateOptions {
  /** Frames the forecasters see. */
  context: number;
  /** Default "test". */
  split?: Split;
  /** Use only the first clips of the split. Default: all. */
  take?: number;
  /** Clips at once. Default 20. */
  batch?: number;
  /** Default: MSE, MAE, SSIM, PSNR. */
  scores?: readonly Score[];
  onProgress?: (clips: number, of: number) => void;
}

/** Scores of several forecasters on the same clips, by their names. Context and horizon together are the clip. */
export async function evaluate(
  forecasters: Readonly<Record<string, Forecaster>>,
  dataset: Dataset,
  { context, split = "test", take = Infinity, batch = 20, scores = usualScores, onProgress }: EvaluateOptions,
): Promise<Record<string, ScoreReport[]>> {
  const horizon = dataset.time - context;
  const all = scoreAll(scores, { horizon });
  const comparing = scores.some(({ needsPersisted }) => needsPersisted);
  const sums = Object.fromEntries(Object.keys(forecasters).map((name) => [name, all.init(dataset.time - 1)]));
  const total = Math.min(dataset.size(split), take);
  let done = 0;
  for await (const { data, ids } of clips(dataset, split, { batch, take, epochs: 1, shuffle: false })) {
    const observed = sliceTime(data, 1);
    const seen = sliceTime(data, 0, context);
    const persisted = comparing ? copyLast(seen, horizon) : undefined;
    for (const [name, forecast] of Object.entries(forecasters)) {
      sums[name] = all.add(sums[name], await forecast(seen, horizon), observed, persisted);
    }
    done += ids.length;
    onProgress?.(done, total);
  }
  return Object.fromEntries(Object.entries(sums).map(([name, parts]) => [name, all.report(parts)]));
}
