import type { Dataset } from "../datasets/dataset";
import { evaluate, networkForecaster } from "../evaluate";
import { mse } from "../metrics/mse";
import type { Model, ModelParams } from "../model";
import { UserError } from "../types";
import type { Validation } from "./validation";

export interface ValidatorOptions {
  /** Frames the network sees; it predicts the rest of each clip. */
  context: number;
  /** Use the first clips of the validation split. Default: all. */
  clips?: number;
  /** Clips at once. Default 20. */
  batch?: number;
}

/**
 * The score of a run on its validation clips: squared error summed over pixels, mean over the frames after `context` and over
 * clips. `dispose` gives back what it has recorded. Error: the validation split is empty.
 */
export function validator(
  model: Model,
  dataset: Dataset,
  { context, clips, batch }: ValidatorOptions,
): Validation["score"] & { dispose(): void } {
  if (dataset.size("validation") < 1) {
    throw new UserError(`${dataset.name}: expected at least one clip in validation, got none`);
  }
  let current: ModelParams;
  const forecaster = networkForecaster(model, () => current);
  const options = { context, split: "validation", take: clips, batch, scores: [mse] } as const;
  const score = async (params: ModelParams) => {
    current = params;
    const { network } = await evaluate({ network: forecaster }, dataset, options);
    return network[0].horizon;
  };
  return Object.assign(score, { dispose: forecaster.dispose });
}
