import * as tf from "@tensorflow/tfjs";
import { random } from "../../random";
import type { Frames } from "../../types";

/** forward, each gradient alone, and forward and backward through tf.grads as a user would run them. */
export const passNames = ["forward", "inputGradient", "weightGradient", "together"] as const;
export type Pass = (typeof passNames)[number];

export type Run = () => tf.Tensor | tf.Tensor[];
export type Passes = Partial<Record<Pass, Run>>;

/** One operation of the benchmark. Everything but `prepare` is plain data, and what the peer is told. */
export interface Operation {
  /** For people: unique, begins with the kind. */
  readonly name: string;
  /** What `bench/peer/operations.py` calls it. */
  readonly kind: string;
  /** Shapes of the inputs in tfjs's order. */
  readonly inputs: readonly (readonly number[])[];
  /** Further numbers the peer needs. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** PyTorch computes it with its BLAS library, so that this library's speed decides. */
  readonly peerNeedsBlas?: boolean;
  /** Floating-point operations of each pass; a multiply-add counts as two. Absent where memory decides. */
  readonly flop?: Partial<Record<Pass, number>>;
  /** Bytes of each pass where memory decides: every input and every output once. */
  readonly bytes?: Partial<Record<Pass, number>>;
  /** Makes the inputs, in tensors that the caller's scope owns. */
  prepare(): Prepared;
}

export interface Prepared {
  readonly passes: Passes;
  /** Tensors whose form in the engine's memory is reported. */
  readonly inputs: readonly tf.Tensor[];
}

type Shape4D = [number, number, number, number];

/** Values in ±1. */
export function uniform<R extends tf.Rank>(shape: readonly number[], key: string): tf.Tensor<R> {
  const draw = random("bench", key);
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape as number[]) }, () => 2 * draw() - 1);
  return tf.tensor(values, shape as tf.ShapeMap[R]);
}

/** Feature maps as a network has them: what a 3x3 convolution put out, in the form in which it leaves them. */
export function featureMaps(shape: readonly number[], key: string): Frames {
  const [batch, height, width, channels] = shape as Shape4D;
  return tf.tidy(() => {
    const kernel = tf.mul(uniform<tf.Rank.R4>([3, 3, 16, channels], `${key} kernel`), 1 / 7);
    return tf.conv2d(uniform<tf.Rank.R4>([batch, height, width, 16], key), kernel as Frames, 1, "same");
  });
}

/** Gradients by tf.grads of the sum of all outputs. */
export function together(f: (...inputs: tf.Tensor[]) => tf.Tensor[], inputs: tf.Tensor[]): Run {
  const sum = (...values: tf.Tensor[]) => f(...values).reduce((total, output) => tf.add(total, output));
  const slope = tf.tidy(() => tf.onesLike(sum(...inputs)));
  const gradients = tf.grads(sum);
  return () => gradients(inputs, slope);
}

/** A kernel's gradient alone, where the backend has the kernel and its gradient is registered. */
export function kernelGradient(kernelName: string, inputs: tf.NamedTensorMap, attrs: object = {}): Run | undefined {
  const config = tf.getGradient(kernelName);
  if (!config || !tf.getKernel(kernelName, tf.getBackend())) return undefined;
  const outputs = [tf.engine().runKernel(kernelName, inputs, attrs as tf.NamedAttrMap)].flat() as tf.Tensor[];
  const saved = [
    ...(config.inputsToSave ?? []).map((name) => inputs[name]),
    ...outputs.filter((_, which) => config.outputsToSave?.[which]),
  ];
  const slopes = outputs.map((output) =>
    output.rank === 4 ? featureMaps(output.shape, "slope") : tf.onesLike(output),
  );
  const slope = (slopes.length === 1 ? slopes[0] : slopes) as tf.Tensor;
  return () => Object.values(config.gradFunc(slope, saved, attrs as tf.NamedAttrMap)).map((gradient) => gradient());
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Bytes of passes that read their inputs and write their outputs, gradients the other way round. */
export function traffic(inputs: readonly (readonly number[])[], outputs: readonly (readonly number[])[]) {
  const once = 4 * [...inputs, ...outputs].reduce((sum, shape) => sum + sizeOf(shape), 0);
  return { forward: once, inputGradient: once, together: 2 * once };
}
