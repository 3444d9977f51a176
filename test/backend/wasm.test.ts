import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { convolve } from "#src/ops/convolve";
import { values } from "../gradient";

/** height, width, in, out, kernel, stride, padding */
const shapes: [number, number, number, number, number, number, "same" | "valid" | number][] = [
  [6, 5, 3, 4, 3, 1, "same"],
  [8, 8, 2, 3, 5, 1, "same"],
  [7, 9, 3, 2, 7, 1, "same"],
  [4, 4, 5, 2, 1, 1, "same"],
  [8, 6, 3, 4, 2, 2, "valid"],
  [9, 7, 3, 2, 3, 2, "same"],
  [7, 7, 2, 3, 3, 1, "valid"],
  [9, 9, 2, 2, 3, 2, "valid"],
  [8, 8, 2, 4, 4, 2, 1],
  [5, 5, 33, 48, 3, 1, "same"],
];

for (const [height, width, channels, filters, kernel, stride, pad] of shapes) {
  test(`gradients of a ${kernel}x${kernel} convolution, stride ${stride}, ${pad}, ${channels} -> ${filters}: wasm equals cpu`, async () => {
    const results: Record<string, Float32Array[]> = {};
    for (const backend of ["cpu", "wasm"]) {
      await chooseBackend(backend);
      const x = values<tf.Rank.R4>([2, height, width, channels], "x");
      const k = values<tf.Rank.R4>([kernel, kernel, channels, filters], "k");
      const rounding = typeof pad === "number" ? "floor" : undefined;
      const f = (a: tf.Tensor, b: tf.Tensor) =>
        tf.sum(tf.square(tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, pad, "NHWC", 1, rounding)));
      results[backend] = tf
        .grads(f)([x, k])
        .map((gradient) => gradient.dataSync() as Float32Array);
    }
    results.cpu.forEach((expected, which) => {
      const largest = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      for (const [i, value] of results.wasm[which].entries()) {
        assert.ok(Math.abs(value - expected[i]) <= 2e-6 * largest, `${i}`);
      }
    });
  });
}

test("gradients of pooling with windows that overlap: wasm equals cpu", async () => {
  const results: number[][] = [];
  for (const backend of ["cpu", "wasm"]) {
    await chooseBackend(backend);
    const x = values<tf.Rank.R4>([2, 7, 6, 3]);
    const weights = values<tf.Rank.R4>([2, 4, 3, 3], "w");
    const pooled = (t: tf.Tensor) => tf.sum(tf.mul(tf.maxPool(t as tf.Tensor4D, 3, 2, "same"), weights));
    results.push([...tf.grad(pooled)(x).dataSync()]);
  }
  const [cpu, wasm] = results;
  for (const [i, value] of wasm.entries()) assert.ok(Math.abs(value - cpu[i]) < 1e-6, `${i}: ${value}, ${cpu[i]}`);
});

test("tanh on wasm equals Math.tanh to 3e-7, at the ends too", async () => {
  await chooseBackend("wasm");
  const points = [-100, -20, -3, -0.5, -1e-3, 0, 1e-3, 0.5, 3, 20, 100];
  for (const [i, value] of tf.tanh(points).dataSync().entries()) {
    assert.ok(Math.abs(value - Math.tanh(points[i])) < 3e-7, `${points[i]}: ${value}`);
  }
});

test("a convolution by hand: zero padding, bias added once", async () => {
  for (const backend of ["cpu", "wasm"]) {
    await chooseBackend(backend);
    const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
    const kernel = tf.tensor4d([0, 0, 0, 0, 1, 10, 0, 0, 0], [3, 3, 1, 1]);
    assert.deepEqual([...convolve(x, kernel, tf.tensor1d([100])).dataSync()], [121, 102, 143, 104]);
  }
});
