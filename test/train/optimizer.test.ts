import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { adamInit, adamUpdate, constantRate, cosineRate } from "#src/train/optimizer";

test("three Adam steps equal the algorithm in double precision", async () => {
  await chooseBackend("cpu");
  const gradients = [0.5, -2, 1e-3];
  const [rate, beta1, beta2, epsilon] = [0.1, 0.8, 0.95, 1e-6];
  let slot = adamInit(tf.tensor1d([1, -3]));
  let [weight, m, v] = [1, 0, 0];
  gradients.forEach((gradient, i) => {
    slot = adamUpdate(
      slot,
      tf.tensor1d([gradient, 0]),
      { learningRate: rate, iteration: i + 1 },
      { beta1, beta2, epsilon },
    );
    m = beta1 * m + (1 - beta1) * gradient;
    v = beta2 * v + (1 - beta2) * gradient ** 2;
    weight -= (rate * (m / (1 - beta1 ** (i + 1)))) / (Math.sqrt(v / (1 - beta2 ** (i + 1))) + epsilon);
    const [moved, still] = slot.weight.dataSync();
    assert.ok(Math.abs(moved - weight) < 1e-6, `step ${i + 1}: ${moved}, expected ${weight}`);
    assert.equal(still, -3);
  });
});

test("the defaults are PyTorch's: 0.9, 0.999, 1e-8", async () => {
  await chooseBackend("cpu");
  const rates = { learningRate: 0.01, iteration: 2 };
  const slot = { weight: tf.scalar(1), first: tf.scalar(0.3), second: tf.scalar(1e-14) };
  const plain = adamUpdate(slot, tf.scalar(1e-7), rates).weight.dataSync()[0];
  const named = adamUpdate(slot, tf.scalar(1e-7), rates, {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
  }).weight.dataSync()[0];
  const other = adamUpdate(slot, tf.scalar(1e-7), rates, { epsilon: 1e-7 }).weight.dataSync()[0];
  assert.equal(plain, named);
  assert.notEqual(plain, other);
});

test("schedules", () => {
  assert.deepEqual([0, 7].map(constantRate(0.3)), [0.3, 0.3]);
  const cosine = cosineRate(2, 100);
  assert.equal(cosine(0), 2);
  assert.ok(Math.abs(cosine(50) - 1) < 1e-12 && Math.abs(cosine(25) - (1 + Math.SQRT1_2)) < 1e-12);
  assert.ok(cosine(100) < 1e-15 && cosine(120) < 1e-15);
});
