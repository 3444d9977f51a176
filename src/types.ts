import type { Tensor, Tensor4D, Tensor5D } from "@tensorflow/tfjs";

/** [batch, height, width, channels]. */
export type Frames = Tensor4D;
/** [batch, time, height, width, channels], scaled to [0, 1]; `FrameSpec` knows the physical unit. */
export type Clip = Tensor5D;
/** Nested plain objects with tensors as leaves: parameters, states, gradients. */
export type Tree = { readonly [name: string]: Tensor | Tree };

/** The same five axes as a `Clip`, read back from the engine: what scores, pictures and files work on. */
export interface Sequences {
  readonly data: Float32Array;
  /** [batch, time, height, width, channels] */
  readonly shape: readonly [batch: number, time: number, height: number, width: number, channels: number];
}

/** Where a method comes from, and whether this implementation was checked against the published code. */
export interface Citation {
  readonly key: string;
  readonly title: string;
  readonly authors: string;
  readonly year: number;
  readonly url?: string;
  readonly checked: "yes" | "partly" | "no";
}

/** What one frame of a data set looks like and what its values mean: value = range[0] + scaled·(range[1] - range[0]). */
export interface FrameSpec {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly unit: string;
  readonly range: readonly [number, number];
}

/**
 * An error caused by what the user gave: the command line prints its one line and no stack. Breaks and control characters, which
 * names in a damaged file may have, become blanks.
 */
export class UserError extends Error {
  override readonly name: string = "UserError";

  constructor(message: string) {
    super(message.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " "));
  }
}

/** A wrong call: the command line exits with 2 instead of 1. */
export class UsageError extends UserError {
  override readonly name: string = "UsageError";
}
