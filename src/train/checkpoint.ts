import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs";
import type { Model, ModelParams } from "../model";
import { leaves, mapTree } from "../tree";
import { UserError } from "../types";
import { type NamedArray, type NamedArrays, readSafetensors, writeSafetensors } from "../weights/safetensors";
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
  for (const part of parts) {
    for (const [name, leaf] of leaves(state[part])) {
      tensors.push([`${part}.${name}`, { shape: leaf.shape, data: (await leaf.data()) as Float32Array }]);
    }
  }
  const metadata = { model: model.name, iteration: String(state.iteration), config: JSON.stringify(config) };
  writeSafetensors(path, tensors, { ...metadata, sha256: checksum(tensors, metadata) });
}

/**
 * Reads a checkpoint back. Errors: missing or damaged file, wrong checksum, another model, weights of another shape.
 */
export function loadCheckpoint(path: string, model: Model): TrainState {
  const { tensors, metadata } = verified(path);
  if (metadata.model !== model.name) {
    throw new UserError(`${path} is a checkpoint of ${metadata.model}, expected one of ${model.name}`);
  }
  const iteration = Number(metadata.iteration);
  if (!Number.isSafeInteger(iteration) || iteration < 0) {
    throw new UserError(`${path}: iteration is ${metadata.iteration}, expected a whole number`);
  }
  const like = startState(model, 0);
  try {
    for (const part of parts) requireShapes(tensors, like[part], `${part}.`, path);
    const restored = parts.map((part) => [
      part,
      mapTree(like[part], (leaf, name) => tf.tensor(tensors.get(`${part}.${name}`)!.data, leaf.shape)),
    ]);
    return { iteration, ...(Object.fromEntries(restored) as Omit<TrainState, "iteration">) };
  } finally {
    disposeState(like);
  }
}

/** The settings a checkpoint was written with. */
export function checkpointConfig(path: string): Record<string, unknown> {
  return JSON.parse(verified(path).metadata.config ?? "{}");
}

function requireShapes(tensors: NamedArrays["tensors"], like: ModelParams, prefix: string, path: string): void {
  for (const [name, leaf] of leaves(like)) {
    const found = tensors.get(prefix + name);
    if (!found) throw new UserError(`${path} has no tensor ${prefix}${name}`);
    if (String(found.shape) !== String(leaf.shape)) {
      throw new UserError(`${path}: ${prefix}${name} is [${found.shape}], but the model expects [${leaf.shape}]`);
    }
  }
}

function verified(path: string): NamedArrays {
  const file = readSafetensors(path);
  const { sha256, ...metadata } = file.metadata;
  const actual = checksum(file.tensors, metadata);
  if (sha256 !== actual) {
    throw new UserError(
      `${path} is damaged: expected checksum ${sha256 ?? "(none stored)"}, its content has ${actual}`,
    );
  }
  return file;
}

function checksum(tensors: Iterable<readonly [string, NamedArray]>, metadata: Record<string, string>): string {
  const hash = createHash("sha256");
  for (const key of Object.keys(metadata).sort()) hash.update(`${key}=${metadata[key]}\n`);
  for (const [name, { shape, data }] of tensors) {
    hash.update(`${name}[${shape}]`).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
