import * as tf from "@tensorflow/tfjs";
import type { Random } from "./random";

/** Numbers uniform in ±1/sqrt(fanIn), PyTorch's default for the weights and biases of a convolution (SPEC section 1). */
export function uniform(random: Random, length: number, fanIn: number): Float32Array {
  const bound = 1 / Math.sqrt(fanIn);
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = (2 * random() - 1) * bound;
  return values;
}

/** Weights of a convolution: kernel [k, k, in, out], of a transposed one [k, k, out, in], and bias [out]. */
export type Convolved = { readonly kernel: tf.Tensor4D; readonly bias: tf.Tensor1D };

/** The kernel of a convolution without bias. */
export function initKernel(random: Random, kernelSize: number, inChannels: number, outChannels: number): tf.Tensor4D {
  const fanIn = kernelSize * kernelSize * inChannels;
  return tf.tensor4d(uniform(random, fanIn * outChannels, fanIn), [kernelSize, kernelSize, inChannels, outChannels]);
}

/** A transposed convolution's kernel [k, k, out, in] and bias [out]; PyTorch's fan-in counts its outputs (SPEC section 1). */
export function initTransposedConvolution(
  random: Random,
  kernelSize: number,
  inChannels: number,
  outChannels: number,
): Convolved {
  const kernel = initKernel(random, kernelSize, outChannels, inChannels);
  const fanIn = kernelSize * kernelSize * outChannels;
  return { kernel, bias: tf.tensor1d(uniform(random, outChannels, fanIn)) };
}

/** A convolution's kernel [k, k, in, out] and bias [out], both uniform in ±1/sqrt(in·k²). */
export function initConvolution(
  random: Random,
  kernelSize: number,
  inChannels: number,
  outChannels: number,
): Convolved {
  const kernel = initKernel(random, kernelSize, inChannels, outChannels);
  return { kernel, bias: tf.tensor1d(uniform(random, outChannels, kernelSize * kernelSize * inChannels)) };
}
