import * as tf from "@tensorflow/tfjs";
import { convolve } from "../../ops/convolve";
import type { Frames } from "../../types";
import { featureMaps, type Operation, sizeOf, together, uniform } from "./operation";

type Shape4D = [number, number, number, number];

/** Forward, both gradients, and all of them. */
const products = (flop: number) => ({ forward: flop, inputGradient: flop, weightGradient: flop, together: 3 * flop });

interface Convolution {
  readonly side: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly bias?: boolean;
  readonly batch?: number;
}

/** Same-size, or without padding where the stride is above 1. */
export function convolution(options: Convolution): Operation {
  const { side, inputs, outputs, kernel, stride = 1, bias = false, batch = 1 } = options;
  const x: Shape4D = [batch, side, side, inputs];
  const weights: Shape4D = [kernel, kernel, inputs, outputs];
  const pad = stride === 1 ? "same" : "valid";
  const outSide = stride === 1 ? side : Math.floor((side - kernel) / stride) + 1;
  const y: Shape4D = [batch, outSide, outSide, outputs];
  const strided = stride === 1 ? "" : ` stride ${stride}`;
  return {
    name: `conv ${kernel}x${kernel} ${inputs}->${outputs}${strided}${bias ? " with bias" : ""}, ${side}x${side}`,
    kind: "convolution",
    inputs: [x],
    settings: { kernel: weights, stride, padding: stride === 1 ? (kernel - 1) / 2 : 0, transposed: false, bias },
    flop: products(2 * sizeOf(weights) * batch * outSide * outSide),
    prepare() {
      const map = featureMaps(x, "x");
      const filter = uniform<tf.Rank.R4>(weights, "weights");
      const offset = uniform<tf.Rank.R1>([outputs], "bias");
      const slope = featureMaps(y, "slope");
      const attrs = { strides: stride, pad, dataFormat: "NHWC", dilations: 1 };
      const forward = (a: Frames, b: tf.Tensor4D, c?: tf.Tensor1D) =>
        c ? convolve(a, b, c) : (tf.conv2d(a, b, stride, pad) as Frames);
      const kernelOf = (name: string, given: tf.NamedTensorMap, shape: object) => () =>
        tf.engine().runKernel(name, given, { ...attrs, ...shape } as tf.NamedAttrMap) as tf.Tensor;
      return {
        inputs: [map, slope],
        passes: {
          forward: () => forward(map, filter, bias ? offset : undefined),
          inputGradient: kernelOf("Conv2DBackpropInput", { dy: slope, filter }, { inputShape: x }),
          weightGradient: kernelOf("Conv2DBackpropFilter", { x: map, dy: slope }, { filterShape: weights }),
          together: together(
            (...values) => [forward(...(values as [Frames, tf.Tensor4D, tf.Tensor1D?]))],
            bias ? [map, filter, offset] : [map, filter],
          ),
        },
      };
    },
  };
}

/** Kernel 4, stride 2: to twice the size. PyTorch 1.13 takes it for a matrix product and a sum (slow_conv_transpose2d). */
export function transposedConvolution({ side, inputs, outputs }: Convolution): Operation {
  const kernel = 4;
  const x: Shape4D = [1, side, side, inputs];
  const y: Shape4D = [1, 2 * side, 2 * side, outputs];
  const weights: Shape4D = [kernel, kernel, outputs, inputs];
  return {
    name: `transposed conv 4x4 stride 2 ${inputs}->${outputs}, ${side}x${side} to ${2 * side}x${2 * side}`,
    kind: "convolution",
    peerNeedsBlas: true,
    inputs: [x],
    settings: { kernel: weights, stride: 2, padding: 1, transposed: true, bias: false },
    flop: products(2 * sizeOf(weights) * side * side),
    prepare() {
      const map = featureMaps(x, "x");
      const filter = uniform<tf.Rank.R4>(weights, "weights");
      const slope = featureMaps(y, "slope");
      const attrs = { strides: 2, pad: "same", dataFormat: "NHWC", dilations: 1, filterShape: weights };
      const forward = (a: tf.Tensor, b: tf.Tensor) =>
        tf.conv2dTranspose(a as Frames, b as tf.Tensor4D, y, 2, "same") as Frames;
      return {
        inputs: [map, slope],
        passes: {
          forward: () => forward(map, filter),
          inputGradient: () => tf.conv2d(slope, filter, 2, "same"),
          weightGradient: () =>
            tf.engine().runKernel("Conv2DBackpropFilter", { x: slope, dy: map }, attrs as tf.NamedAttrMap) as tf.Tensor,
          together: together((a, b) => [forward(a, b)], [map, filter]),
        },
      };
    },
  };
}

/** [m, k] by [k, n]. */
export function matMul(m: number, k: number, n: number): Operation {
  return {
    name: `matMul ${m}x${k}x${n}`,
    kind: "matMul",
    peerNeedsBlas: true,
    inputs: [
      [m, k],
      [k, n],
    ],
    flop: products(2 * m * k * n),
    prepare() {
      const a = uniform<tf.Rank.R2>([m, k], "a");
      const b = uniform<tf.Rank.R2>([k, n], "b");
      const slope = uniform<tf.Rank.R2>([m, n], "slope");
      return {
        inputs: [a, b],
        passes: {
          forward: () => tf.matMul(a, b),
          inputGradient: () => tf.matMul(slope, b, false, true),
          weightGradient: () => tf.matMul(a, slope, true, false),
          together: together((x, y) => [tf.matMul(x, y)], [a, b]),
        },
      };
    },
  };
}
