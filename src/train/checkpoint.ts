import type { Model } from "../model";
import { UserError } from "../types";
import { arraysOf, readChecked, treeOf, writeChecked } from "../weights/checked";
import type { NamedArray } from "../weights/safetensors";
import { disposeState, startState, type TrainState } from "./trainer";

const parts = ["params", "first", "second"] as const;

/**
 * Writes a state atomically as one safetensors file: `params.*`, `first.*`, `second.*`, and in the metadata the iteration,
 * the model's name, `config` as JSON, and a checksum of all values.
 */
export async function saveCheckpoint(
  path: string,
  model: Model,
  state: TrainState,
  config: object = {},
): Promise<void> {
  const tensors: [string, NamedArray][] = [];
  for (const part of parts) tensors.push(...(await arraysOf(state[part], `${part}.`)));
  writeChecked(path, tensors, {
    model: model.name,
    iteration: String(state.iteration),
    config: JSON.stringify(config),
  });
}

/**
 * Reads a checkpoint back. Errors: missing or damaged file, wrong checksum, another model, weights of another shape.
 */
export function loadCheckpoint(path: string, model: Model): TrainState {
  const { tensors, metadata } = readChecked(path);
  if (metadata.model !== model.name) {
    throw new UserError(`${path} is a checkpoint of ${metadata.model}, expected one of ${model.name}`);
  }
  const iteration = Number(metadata.iteration);
  if (!Number.isSafeInteger(iteration) || iteration < 0) {
    throw new UserError(`${path}: iteration is ${metadata.iteration}, expected a whole number`);
  }
  const like = startState(model, 0);
  try {
    const restored = parts.map((part) => [part, treeOf(tensors, like[part], `${part}.`, path)]);
    return { iteration, ...(Object.fromEntries(restored) as Omit<TrainState, "iteration">) };
  } finally {
    disposeState(like);
  }
}

/** The settings a checkpoint was written with. */
export function checkpointConfig(path: string): Record<string, unknown> {
  return JSON.parse(readChecked(path).metadata.config ?? "{}");
}
