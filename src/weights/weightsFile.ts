import type { CellOptions } from "../cells/cell";
import type { Model, ModelParams } from "../model";
import { model } from "../models";
import { disposeTree } from "../tree";
import { UserError } from "../types";
import { arraysOf, readChecked, treeOf, writeChecked } from "./checked";

/** What a network is built from, but for the size of its frames, on which its weights do not depend. */
export interface NetworkConfig extends CellOptions {
  /** Name in the registry of models. */
  readonly model: string;
  /** Of the frames. */
  readonly channels: number;
  /** Side of the patches they are cut into. Default 1. */
  readonly patch?: number;
}

/** Sides that every wiring of the registry takes, where the size does not matter. */
const anySize = (patch: number) => ({ height: 16 * patch, width: 16 * patch });

/** The network of a configuration. Default size: some that it can take. */
export function networkOf(
  { model: name, channels, ...options }: NetworkConfig,
  size = anySize(options.patch ?? 1),
): Model {
  return model(name, { ...options, frame: { ...size, channels } });
}

/** Writes weights atomically as a safetensors file: `params.*` by our names, and the configuration as JSON in the metadata. */
export async function saveWeights(path: string, config: NetworkConfig, params: ModelParams): Promise<void> {
  const metadata = { model: config.model, config: JSON.stringify(config) };
  writeChecked(path, await arraysOf(params, "params."), metadata);
}

/**
 * Reads the weights of a file that `saveWeights` wrote, or of a checkpoint (the averaged ones where it has them), and builds their network for frames of the given
 * size. Errors: missing or damaged file, no such configuration, weights of another shape, frames the network cannot take.
 */
export function loadWeights(
  path: string,
  size?: { height: number; width: number },
): { config: NetworkConfig; model: Model; params: ModelParams } {
  const { tensors, metadata } = readChecked(path);
  const config = configOf(metadata.config, path);
  const network = networkOf(config, size);
  const like = network.init(0);
  try {
    const part = [...tensors.keys()].some((tensor) => tensor.startsWith("average.")) ? "average." : "params.";
    return { config, model: network, params: treeOf(tensors, like, part, path) };
  } finally {
    disposeTree(like);
  }
}

/** Of a weights file, or the part of a checkpoint's settings that the weights depend on. */
function configOf(text: string | undefined, path: string): NetworkConfig {
  const fail = () => new UserError(`${path} does not say which network its weights belong to`);
  let given: Partial<NetworkConfig>;
  try {
    given = JSON.parse(text ?? "");
  } catch {
    throw fail();
  }
  const {
    model: name,
    channels = 1,
    patch,
    filters,
    kernelSize,
    complete,
    links,
    window,
    alignment,
    rearrangement,
  } = given ?? {};
  const sizes = [channels, patch, filters, kernelSize, links, window].filter((size) => size !== undefined);
  if (typeof name !== "string" || !sizes.every((size) => Number.isSafeInteger(size) && size >= 1 && size <= 4096)) {
    throw fail();
  }
  const variants = [alignment, rearrangement];
  if (!variants.every((way) => way === undefined || way === "reference" || way === "clean")) throw fail();
  const options = {
    patch,
    filters,
    kernelSize,
    links,
    window,
    alignment,
    rearrangement,
    ...(complete === true && { complete }),
  };
  const stated = Object.entries(options).filter(([, value]) => value !== undefined);
  return { model: name, channels, ...Object.fromEntries(stated) };
}
