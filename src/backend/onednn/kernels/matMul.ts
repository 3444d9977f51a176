import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "../backend";
import type { Kernels } from "../kernel";
import type { Buffer } from "../native";
import { epilogue, finish } from "./epilogue";

/** Functions of native/ops/matMul.cpp. */
export interface MatMulFunctions {
  /** out [batch, rows, columns] = a [batchA, rows, inner] · b [batchB, inner, columns]; a batch of 1 serves all samples. */
  matMul(
    a: Buffer,
    b: Buffer,
    out: Buffer,
    batchA: number,
    batchB: number,
    rows: number,
    columns: number,
    inner: number,
    turnA: boolean,
    turnB: boolean,
  ): void;
}

function multiply(backend: OnednnBackend, a: tf.TensorInfo, b: tf.TensorInfo, turnA: boolean, turnB: boolean) {
  if (!backend.computable(a, b) || a.dtype !== "float32" || b.dtype !== "float32") return undefined;
  const rank = a.shape.length;
  if (rank < 2 || b.shape.length !== rank) return undefined;
  const [outerA, outerB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const [batchA, batchB] = [tf.util.sizeFromShape(outerA), tf.util.sizeFromShape(outerB)];
  const same = outerA.every((size, i) => size === outerB[i]);
  if (!same && batchA !== 1 && batchB !== 1) return undefined;
  const [rows, inner] = turnA ? [a.shape[rank - 1], a.shape[rank - 2]] : [a.shape[rank - 2], a.shape[rank - 1]];
  const [other, columns] = turnB ? [b.shape[rank - 1], b.shape[rank - 2]] : [b.shape[rank - 2], b.shape[rank - 1]];
  if (inner !== other) throw new Error(`matMul: inner sizes ${inner} and ${other} of ${a.shape} and ${b.shape} differ`);
  const outer = tf.backend_util.assertAndGetBroadcastShape(outerA, outerB);
  const [left, right] = [backend.buffer(a), backend.buffer(b)];
  const { info, buffer } = backend.output([...outer, rows, columns]);
  backend.native.matMul(left, right, buffer, batchA, batchB, rows, columns, inner, turnA, turnB);
  return info;
}

export const matMulKernels: Kernels = {
  BatchMatMul: ({ inputs: { a, b }, attrs, backend }) => multiply(backend, a, b, attrs.transposeA, attrs.transposeB),

  _FusedMatMul: ({ inputs: { a, b, bias, preluActivationWeights }, attrs, backend }) => {
    const activate = epilogue(attrs, preluActivationWeights);
    const product = activate && multiply(backend, a, b, attrs.transposeA, attrs.transposeB);
    return activate && product && finish(backend, product, bias, activate);
  },
};
