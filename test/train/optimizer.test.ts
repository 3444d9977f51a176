import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { adamInit, adamRates, adamUpdate, adamUpdatePlain, constantRate, cosineRate } from "#src/train/optimizer";
import { skip } from "../backend/onednn/forms";
import { distance, values } from "../gradient";

test("three Adam steps equal the algorithm in double precision", async () => {
  await chooseBackend("cpu");
  const gradients = [0.5, -2, 1e-3];
  const [rate, beta1, beta2, epsilon] = [0.1, 0.8, 0.95, 1e-6];
  let slot = adamInit(tf.tensor1d([1, -3]));
  let [weight, m, v] = [1, 0, 0];
  gradients.forEach((gradient, i) => {
    const options = { beta1, beta2, epsilon };
    slot = adamUpdate(slot, tf.tensor1d([gradient, 0]), adamRates(rate, i + 1, options), options);
    m = beta1 * m + (1 - beta1) * gradient;
    v = beta2 * v + (1 - beta2) * gradient ** 2;
    weight -= (rate * (m / (1 - beta1 ** (i + 1)))) / (Math.sqrt(v / (1 - beta2 ** (i + 1))) + epsilon);
    const [moved, still] = slot.weight.dataSync();
    assert.ok(Math.abs(moved - weight) < 1e-6, `step ${i + 1}: ${moved}, expected ${weight}`);
    assert.equal(still, -3);
  });
});

test("one pass gives the composed operations' numbers", { skip }, async () => {
  await chooseBackend("onednn");
  for (const shape of [[1], [3, 3, 5, 7], [40000]]) {
    const options = { beta1: 0.8, beta2: 0.95, epsilon: 1e-6 };
    let slots = [values(shape as [number], "w"), values(shape as [number], "w")].map(adamInit);
    for (const iteration of [1, 2, 3]) {
      const gradient = values(shape as [number], iteration);
      const rates = adamRates(0.1, iteration, options);
      slots = [adamUpdate, adamUpdatePlain].map((update, i) => update(slots[i], gradient, rates, options));
      for (const part of ["weight", "first", "second"] as const) {
        const far = distance(slots[0][part], slots[1][part]);
        assert.ok(far < 1e-6, `${part} after step ${iteration} differs by ${far}`);
      }
    }
    assert.ok(distance(slots[0].weight, values(shape as [number], "w")) > 0.01);
  }
  assert.throws(() => adamUpdate(adamInit(tf.zeros([4])), tf.zeros([2, 2]), adamRates(0.1, 1)), /adamUpdate/);
});

test("the defaults are PyTorch's: 0.9, 0.999, 1e-8", async () => {
  await chooseBackend("cpu");
  const rates = adamRates(0.01, 2);
  assert.deepEqual(rates.dataSync(), adamRates(0.01, 2, { beta1: 0.9, beta2: 0.999 }).dataSync());
  assert.notDeepEqual(rates.dataSync(), adamRates(0.01, 2, { beta1: 0.8 }).dataSync());
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
