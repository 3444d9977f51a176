import { join } from "node:path";
import { type Batch, clips, type Dataset } from "../datasets/dataset";
import { buildModel, type Model } from "../model";
import { cellFor } from "../models";
import { random } from "../random";
import { drawnFrame, modelFor } from "../recipe";
import type { Sampling } from "../sampling";
import type { Experiment } from "../settings";
import type { TrainOptions } from "../train/trainer";
import { disposeTree } from "../tree";
import { type Sequences, UserError } from "../types";
import { toReference } from "../weights/mapNames";
import { type NamedArray, readSafetensors, writeSafetensors } from "../weights/safetensors";
import { chain } from "../wiring";

/** One kind of training step: what our process is told. */
export interface StepTask {
  readonly settings: Experiment;
  readonly backend: string;
  /** Folder with the clip, and for the peer with the weights and the mask. */
  readonly folder: string;
  /** Of the trainer, beside the experiment's. */
  readonly training?: Pick<TrainOptions, "compile">;
  /** Of a network at a single scale. Default: as many as the experiment's model has. */
  readonly layers?: number;
}

/** The network of a task. Errors: another number of layers for a multi-scale network, whose wirings have six. */
export function modelOf({ settings, layers }: Pick<StepTask, "settings" | "layers">): Model {
  const model = modelFor(settings, drawnFrame(settings));
  if (layers === undefined) return model;
  const { name, frame } = model;
  if (!hasLayers(name)) throw new UserError(`${name} has ${model.stack.cells.length} layers, it cannot have ${layers}`);
  const { filters, kernelSize } = settings;
  const cellAt = (layer: number, of: number) => cellFor(name, { filters, kernelSize }, layer, of);
  return buildModel({ name, cellAt, wiring: chain(layers), frame });
}

/** Whether a network can be built with any number of layers: those at a single scale. */
export const hasLayers = (model: string): boolean => !model.startsWith("MS-");

const clipFile = (folder: string) => join(folder, "clip.safetensors");

/** Writes weights, clip and mask of a benchmark: in another process than that which trains, whose memory is measured. */
export async function writeTask(
  task: Pick<StepTask, "settings" | "layers">,
  dataset: Dataset,
  folder: string,
): Promise<void> {
  const { batch, context, seed } = task.settings;
  const model = modelOf(task);
  const params = model.init(seed);
  writeSafetensors(join(folder, "weights.safetensors"), toReference(model, params));
  disposeTree(params);
  const { value } = await clips(dataset, "train", { batch, seed: 1 }).next();
  const { data } = value as Batch;
  const time = data.shape[1];
  const mask = everySecond(context)(0, batch, time, random(seed));
  writeSafetensors(clipFile(folder), [
    ["clip", data],
    ["mask", { shape: [batch, time - 2], data: mask }],
  ]);
}

export function readClip(folder: string): Pick<Batch, "data" | "ids"> {
  const { shape, data } = readSafetensors(clipFile(folder)).tensors.get("clip") as NamedArray;
  return { data: { shape, data } as unknown as Sequences, ids: ["the benchmark's clip"] };
}

/**
 * Which true frames the network sees in the benchmark: all given ones, and every second one of those to predict, so that
 * both branches count. The same at every step and for everyone.
 */
export const everySecond =
  (context: number): Sampling =>
  (_, batch, time) => {
    const mask = new Float32Array(batch * (time - 2));
    for (let b = 0; b < batch; b++) {
      for (let t = 1; t < time - 1; t++) mask[b * (time - 2) + t - 1] = t < context || (t + b) % 2 === 0 ? 1 : 0;
    }
    return mask;
  };

/** One batch again and again: making clips is no part of a step. */
export async function* repeated<T>(batch: T): AsyncGenerator<T, void, void> {
  for (;;) yield batch;
}
