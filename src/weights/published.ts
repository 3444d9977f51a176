import { extname } from "node:path";
import type { NpyArray } from "../datasets/formats/npy";
import { readNpz, writeNpz } from "../datasets/formats/npz";
import type { ModelParams } from "../model";
import { disposeTree } from "../tree";
import { UsageError, UserError } from "../types";
import { fromReference, type ReferenceWeights, toReference, withoutPrefix } from "./mapNames";
import { readPth } from "./pth";
import { type NamedArray, readSafetensors, writeSafetensors } from "./safetensors";
import { type NetworkConfig, networkOf } from "./weightsFile";

/** Reads weights under their published names: a PyTorch checkpoint, a safetensors or an .npz file, by the name's ending. */
export function readPublished(path: string): ReferenceWeights {
  switch (extname(path)) {
    case ".safetensors":
      return readSafetensors(path).tensors;
    case ".npz":
      return new Map([...readNpz(path)].map(([name, array]) => [name, float32(array, `${path}, ${name}`)]));
    default:
      return readPth(path);
  }
}

function float32({ shape, data }: NpyArray, where: string): NamedArray {
  if (data instanceof Float32Array) return { shape, data };
  if (data instanceof Float64Array) return { shape, data: Float32Array.from(data) };
  throw new UserError(`${where}: expected numbers of type f4 or f8`);
}

/** Writes weights under their published names. Errors: an ending other than .npz or .safetensors. */
export function writePublished(path: string, weights: ReferenceWeights): void {
  if (extname(path) === ".npz") writeNpz(path, weights);
  else if (extname(path) === ".safetensors") writeSafetensors(path, weights);
  else throw new UsageError(`${path}: expected a file that ends in .npz or .safetensors`);
}

/** All weights that the published code creates, with some numbers. */
function everyWeight(config: NetworkConfig): Map<string, NamedArray> {
  const whole = networkOf({ ...config, complete: true });
  const params = whole.init(0);
  try {
    return toReference(whole, params);
  } finally {
    disposeTree(params);
  }
}

/**
 * The parameters of a network from published weights; number of filters and of channels are those of the weights, where the
 * configuration does not say. Errors: no such network, weights that are missing, of another shape, or belong to no part of it.
 */
export function importWeights(
  weights: ReferenceWeights,
  given: Omit<NetworkConfig, "channels"> & { channels?: number },
  where: string,
): { config: NetworkConfig; params: ModelParams } {
  const named = withoutPrefix(weights);
  const embed = named.get("embed.conv_embed.weight")?.shape;
  if (embed?.length !== 4)
    throw new UserError(`${where} has no weight embed.conv_embed.weight of four axes, so it is not of this family`);
  const config: NetworkConfig = { filters: embed[0], channels: embed[1], ...given };
  const network = networkOf(config);
  const known = everyWeight(config);
  const unknown = [...named.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0) {
    const some = unknown.slice(0, 3).join(", ") + (unknown.length > 3 ? ", ..." : "");
    throw new UserError(
      `${where}: ${unknown.length} of its ${named.size} weights belong to no part of ${config.model}: ${some}`,
    );
  }
  return { config, params: fromReference(network, named) };
}

/**
 * Parameters under their published names. With `complete` also the weights that the published code creates and never uses,
 * as zeros, so that it can load the result.
 */
export function exportWeights(config: NetworkConfig, params: ModelParams, complete: boolean): Map<string, NamedArray> {
  const ours = toReference(networkOf(config), params);
  if (!complete) return ours;
  return new Map(
    [...everyWeight(config)].map(([name, { shape, data }]) => [name, ours.get(name) ?? { shape, data: data.fill(0) }]),
  );
}
