import type { Model, ModelParams } from "../model";
import { disposeTree } from "../tree";
import { UserError } from "../types";
import { arraysOf, readChecked, treeOf, writeChecked } from "../weights/checked";
import type { NamedArray, NamedArrays } from "../weights/safetensors";
import { adam, type Optimizer } from "./optimizer";
import type { TrainState, Validated } from "./state";

/**
 * Writes a state atomically as one safetensors file: `params.*`, the optimiser's slots under their names (Adam: `first.*`,
 * `second.*`), `average.*` where there is one; in the metadata the iteration, the names of model and optimiser, what
 * validations found, `config` as JSON, and a checksum of all values.
 */
export async function saveCheckpoint(
  path: string,
  model: Model,
  { params, slots, average, iteration, optimizer, validated }: TrainState,
  config: object = {},
): Promise<void> {
  const tensors: [string, NamedArray][] = [];
  for (const [part, tree] of Object.entries({ params, ...slots, ...(average && { average }) })) {
    tensors.push(...(await arraysOf(tree, `${part}.`)));
  }
  writeChecked(path, tensors, {
    model: model.name,
    iteration: String(iteration),
    optimizer,
    ...(validated && { validated: JSON.stringify(validated) }),
    config: JSON.stringify(config),
  });
}

/**
 * Reads a checkpoint back. Errors: missing or damaged file, wrong checksum, another model or optimiser, weights of another shape.
 */
export function loadCheckpoint(path: string, model: Model, optimizer: Optimizer = adam()): TrainState {
  const { tensors, metadata } = readChecked(path);
  if (metadata.model !== model.name) {
    throw new UserError(`${path} is a checkpoint of ${metadata.model}, expected one of ${model.name}`);
  }
  // Those of earlier versions do not say it: there was one.
  const { optimizer: name = "adam" } = metadata;
  if (name !== optimizer.name) throw new UserError(`${path} is of ${name}, expected ${optimizer.name}`);
  const iteration = Number(metadata.iteration);
  if (!isWhole(iteration)) {
    throw new UserError(`${path}: iteration is ${metadata.iteration}, expected a whole number`);
  }
  const validated = validatedOf(metadata.validated, path);
  const parts = partsOf(tensors, optimizer, path);
  const like = model.init(0);
  try {
    const tree = (part: string): ModelParams => treeOf(tensors, like, `${part}.`, path);
    return {
      iteration,
      optimizer: name,
      params: tree("params"),
      slots: Object.fromEntries(optimizer.slots.map((slot) => [slot, tree(slot)])),
      ...(parts.has("average") && { average: tree("average") }),
      ...(validated && { validated }),
    };
  } finally {
    disposeTree(like);
  }
}

/** The settings a checkpoint was written with. */
export function checkpointConfig(path: string): Record<string, unknown> {
  return JSON.parse(readChecked(path).metadata.config ?? "{}");
}

const isWhole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** What a file's names begin with. Error: something that would be lost. */
function partsOf(tensors: NamedArrays["tensors"], { name, slots }: Optimizer, path: string): Set<string> {
  const parts = new Set([...tensors.keys()].map((tensor) => tensor.split(".")[0]));
  const extra = [...parts].find((part) => !["params", "average", ...slots].includes(part));
  if (extra !== undefined)
    throw new UserError(`${path} has ${extra}.*, which ${name} with these options does not have`);
  return parts;
}

function validatedOf(text: string | undefined, path: string): Validated | undefined {
  if (text === undefined) return undefined;
  try {
    const { iteration, best, since } = JSON.parse(text) as Validated;
    const { score } = best;
    if (![iteration, best.iteration, since].every(isWhole) || !Number.isFinite(score)) throw new Error();
    return { iteration, best: { iteration: best.iteration, score }, since };
  } catch {
    throw new UserError(`${path} does not say what its validations found: ${text}`);
  }
}
