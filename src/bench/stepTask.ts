import { join } from "node:path";
import { type Batch, clips } from "../datasets/dataset";
import { type Experiment, prepare } from "../profiles";
import { random } from "../random";
import type { Sampling } from "../sampling";
import type { TrainOptions } from "../train/trainer";
import { disposeTree } from "../tree";
import type { Sequences } from "../types";
import { toReference } from "../weights/mapNames";
import { type NamedArray, readSafetensors, writeSafetensors } from "../weights/safetensors";

/** One kind of training step: what our process is told. */
export interface StepTask {
  readonly settings: Experiment;
  readonly backend: string;
  /** Folder with the clip, and for the peer with the weights and the mask. */
  readonly folder: string;
  /** Of the trainer, beside the experiment's. */
  readonly training?: Pick<TrainOptions, "compile">;
}

const clipFile = (folder: string) => join(folder, "clip.safetensors");

/** Writes weights, clip and mask of a benchmark: in another process than that which trains, whose memory is measured. */
export async function writeTask(settings: Experiment, folder: string): Promise<void> {
  const { batch, context, seed } = settings;
  const { model, dataset } = prepare(settings);
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
