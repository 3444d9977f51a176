import * as tf from "@tensorflow/tfjs";
import { type Clip, type Frames, UserError } from "../types";
import type { NamedArray, NamedArrays } from "../weights/safetensors";

/** A known-answer file with its settings, which stand as JSON in the metadata. */
export interface KnownAnswers extends NamedArrays {
  // biome-ignore lint/suspicious/noExplicitAny: settings differ from file to file; each check reads what it needs.
  readonly settings: Record<string, any>;
}

/** The array of that name. Error: it is missing. */
export function need({ tensors }: NamedArrays, name: string): NamedArray {
  const found = tensors.get(name);
  if (!found) throw new UserError(`no tensor ${name}`);
  return found;
}

/** Entries whose names begin with `prefix`, without it. */
export function under({ tensors }: NamedArrays, prefix: string): Map<string, NamedArray> {
  return new Map(
    [...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, array]) => [name.slice(prefix.length), array]),
  );
}

/** Features [batch, channels, height, width] as ours. */
export const frames = ({ data, shape }: NamedArray): Frames =>
  tf.tidy(() => tf.transpose(tf.tensor4d(data, shape as [number, number, number, number]), [0, 2, 3, 1]));

/** Ours as features [batch, channels, height, width]. */
export const channelsFirst = (x: Frames): Float32Array =>
  tf.tidy(() => tf.transpose(x, [0, 3, 1, 2]).dataSync() as Float32Array);

/** Video [time, batch, channels, height, width] as ours. */
export const clip = ({ data, shape }: NamedArray): Clip =>
  tf.tidy(() => tf.transpose(tf.tensor5d(data, shape as [number, number, number, number, number]), [1, 0, 3, 4, 2]));

/** Ours as video [time, batch, channels, height, width]. */
export const timeFirst = (x: Clip): Float32Array =>
  tf.tidy(() => tf.transpose(x, [1, 0, 4, 2, 3]).dataSync() as Float32Array);
