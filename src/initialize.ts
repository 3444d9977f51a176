import * as tf from "@tensorflow/tfjs";
import type { Random } from "./random";

/** Numbers uniform in ±1/sqrt(fanIn), PyTorch's default for the weights and biases of a convolution (SPEC section 1). */
export function uniform(random: Random, length: number, fanIn: number): Float32Array {
  const bound = 1 / Math.sqrt(fanIn);
  return Float32Array.from({ length }, () => (2 * random() - 1) * bound);
}

/** A transposed convolution's kernel [k, k, out, in] and bias [out]; PyTorch's fan-in counts its outputs (SPEC section 1). */
export function initTransposedConvolution(
  random: Random,
  kernelSize: number,
  inChannels: number,
  outChannels: number,
): { kernel: tf.Tensor4D; bias: tf.Tensor1D } {
  const { kernel, bias } = initConvolution(random, kernelSize, outChannels, inChannels);
  bias.dispose();
  const fanIn = kernelSize * kernelSize * outChannels;
  return { kernel, bias: tf.tensor1d(uniform(random, outChannels, fanIn)) };
}

/** A convolution's kernel [k, k, in, out] and bias [out], both uniform in ±1/sqrt(in·k²). */
export function initConvolution(random: Random, kernelSize: number, inChannels: number, outChannels: number) {
  const fanIn = kernelSize * kernelSize * inChannels;
  const kernel = uniform(random, fanIn * outChannels, fanIn);
  const bias = uniform(random, outChannels, fanIn);
  return {
    kernel: tf.tensor4d(kernel, [kernelSize, kernelSize, inChannels, outChannels]),
    bias: tf.tensor1d(bias),
  };
}
