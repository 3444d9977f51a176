import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { enginePath } from "#src/backend/onednn/native";
import { random } from "#src/random";

/** Values in ±1, the same at every run. */
export function values<R extends tf.Rank>(shape: tf.ShapeMap[R], key: string | number = 0): tf.Tensor<R> {
  const draw = random("test", key);
  const size = (shape as number[]).reduce((a, b) => a * b, 1);
  return tf.tensor<R>(
    Float32Array.from({ length: size }, () => 2 * draw() - 1),
    shape,
  );
}

/** Largest absolute difference of two tensors of one shape. */
export function distance(a: tf.Tensor, b: tf.Tensor): number {
  assert.deepEqual(a.shape, b.shape);
  return tf.tidy(() => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]);
}

/**
 * Compares the gradient of Σ w⊙f(inputs), w random, with central differences, for every entry of every input. `f` must be
 * smooth within `step` of the inputs.
 */
export function checkGradient(
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
  { step = 0.01, allowed = 5e-3 }: { step?: number; allowed?: number } = {},
): void {
  const weights = tf.tidy(() => values(f(...inputs).shape, "weights"));
  const objective = (...given: tf.Tensor[]) => tf.sum(tf.mul(f(...given), weights)) as tf.Scalar;
  const gradients = tf.grads(objective)(inputs);
  for (const [which, input] of inputs.entries()) {
    const at = input.dataSync();
    const got = gradients[which].dataSync();
    for (let i = 0; i < at.length; i++) {
      const [up, down] = [step, -step].map((by) =>
        tf.tidy(() => {
          const moved = tf.tensor(
            at.map((value, k) => (k === i ? value + by : value)),
            input.shape,
          );
          return objective(...inputs.map((other, k) => (k === which ? moved : other))).dataSync()[0];
        }),
      );
      const expected = (up - down) / (2 * step);
      const error = Math.abs(got[i] - expected);
      assert.ok(error <= allowed, `input ${which}, entry ${i}: gradient ${got[i]}, differences give ${expected}`);
    }
  }
}

/** The backends every numerical test runs on. */
export const backends = ["cpu", "wasm", ...(existsSync(enginePath()) ? ["onednn"] : [])];
