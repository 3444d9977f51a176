import * as tf from "@tensorflow/tfjs";
import { initConvolution } from "../initialize";
import { convolveJoined } from "../ops/convolve";
import type { Random } from "../random";
import type { Frames } from "../types";
import type { Convolution } from "./cell";

/**
 * Convolutions of several inputs that are added up, `Wx*x + bx + Wh*h + bh`, as one: the kernels joined along their input
 * channels in the order of the names; all biases are kept, as optimisers move each of them.
 */
export type Joined<Names extends string> = {
  /** [k, k, channels of all inputs, out] */
  readonly kernel: tf.Tensor4D;
} & {
  /** [out] */
  readonly [N in Names as `bias${Capitalize<N>}`]: tf.Tensor1D;
};

type Inputs<Names extends string, T> = { readonly [N in Names]: T };

const biasOf = (name: string): string => `bias${name[0].toUpperCase()}${name.slice(1)}`;

/** New weights for inputs of so many channels, each convolution's as of its own (SPEC section 1). */
export function initJoined<Names extends string>(
  random: Random,
  kernelSize: number,
  inputs: Inputs<Names, number>,
  outChannels: number,
): Joined<Names> {
  const names = Object.keys(inputs) as Names[];
  const parts = names.map((name) => initConvolution(random, kernelSize, inputs[name], outChannels));
  const kernels = parts.map(({ kernel }) => kernel);
  const kernel = tf.concat(kernels, 2);
  tf.dispose(kernels);
  const biases = Object.fromEntries(names.map((name, i) => [biasOf(name), parts[i].bias]));
  return { kernel, ...biases } as unknown as Joined<Names>;
}

/** The sum of the convolutions of all inputs, given in the order of `initJoined`. [batch, H, W, out] */
export function convolveSum<Names extends string>(params: Joined<Names>, inputs: Inputs<Names, Frames>): Frames {
  const { kernel } = params;
  const names = Object.keys(inputs) as Names[];
  const biases = names.map((name) => (params as Record<string, tf.Tensor>)[biasOf(name)] as tf.Tensor1D);
  const bias = biases.reduce((sum, one) => tf.add(sum, one));
  return convolveJoined(
    names.map((name) => inputs[name]),
    kernel,
    bias,
  );
}

/** The convolutions as the equations write them, for counting. */
export const countJoined = (
  kernelSize: number,
  inputs: Readonly<Record<string, number>>,
  outChannels: number,
): Convolution[] => Object.values(inputs).map((inChannels) => ({ kernelSize, inChannels, outChannels }));
