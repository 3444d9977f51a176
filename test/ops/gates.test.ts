import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { LSTM_GATES, lstmGates, lstmGatesPlain } from "#src/ops/gates";
import type { Frames } from "#src/types";
import { backends, checkGradient, distance, values } from "../gradient";

for (const backend of backends) {
  test(`${backend}: by hand, one pixel and one channel`, async () => {
    await chooseBackend(backend);
    const sigma = (x: number) => 1 / (1 + Math.exp(-x));
    const [h, c] = lstmGates(tf.tensor4d([0.5, -1, 2, 0.25], [1, 1, 1, 4]), tf.tensor4d([0.75], [1, 1, 1, 1]));
    const cell = sigma(-1) * 0.75 + sigma(0.5) * Math.tanh(2);
    assert.ok(Math.abs(c.dataSync()[0] - cell) < 1e-6);
    assert.ok(Math.abs(h.dataSync()[0] - sigma(0.25) * Math.tanh(cell)) < 1e-6);
  });

  test(`${backend}: both outputs' gradients equal finite differences`, async () => {
    await chooseBackend(backend);
    const inputs = [values([2, 2, 1, 12], "z"), values([2, 2, 1, 3], "c")];
    checkGradient((z, c) => lstmGates(z as Frames, c as Frames)[0], inputs);
    checkGradient((z, c) => lstmGates(z as Frames, c as Frames)[1], inputs);
  });
}

test("the fused kernel is used on wasm and equals the plain composition, gradients included, for large values too", async () => {
  await chooseBackend("wasm");
  assert.ok(tf.getKernel(LSTM_GATES, "wasm"));
  const z = tf.mul(values<tf.Rank.R4>([2, 3, 4, 24], "z"), 30) as Frames;
  const c = values<tf.Rank.R4>([2, 3, 4, 6], "c");
  const weights = values([2, 3, 4, 6], "w");
  const objective = (gates: typeof lstmGates) => (a: tf.Tensor, b: tf.Tensor) => {
    const [h, next] = gates(a as Frames, b as Frames);
    return tf.sum(tf.add(tf.mul(h, weights), tf.square(next))) as tf.Scalar;
  };
  const [fused, plain] = [lstmGates, lstmGatesPlain].map((gates) => tf.valueAndGrads(objective(gates))([z, c]));
  assert.ok(Math.abs(fused.value.dataSync()[0] - plain.value.dataSync()[0]) < 1e-4);
  for (const [i, gradient] of fused.grads.entries()) assert.ok(distance(gradient, plain.grads[i]) < 2e-6);
});

test("no tensor is left behind", async () => {
  await chooseBackend("wasm");
  const [z, c] = [values<tf.Rank.R4>([1, 2, 2, 8]), values<tf.Rank.R4>([1, 2, 2, 2])];
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    tf.grads((a, b) => tf.sum(lstmGates(a as Frames, b as Frames)[0]))([z, c]);
  });
  assert.equal(tf.memory().numTensors, before);
});
