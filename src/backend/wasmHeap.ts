import type * as tf from "@tensorflow/tfjs";

/** The part of tfjs's WebAssembly backend that gives kernels written in JavaScript its memory. */
interface Memory {
  makeOutput(shape: number[], dtype: "float32"): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array;
}

export type KernelCall = Parameters<tf.KernelFunc>[0];

/** What a kernel written in JavaScript needs of its call: inputs by name, new float32 outputs, and arrays over both. */
export function heap({ inputs, backend }: KernelCall) {
  const memory = backend as unknown as Memory;
  return {
    inputs: inputs as Record<string, tf.Tensor>,
    output: (like: tf.TensorInfo) => memory.makeOutput(like.shape, "float32"),
    /** Making an output may move the heap, so arrays are taken after the last one is made. */
    arrays: (...infos: tf.TensorInfo[]): Float32Array[] => infos.map((info) => memory.typedArrayFromHeap(info)),
  };
}
