import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { maxPool, rescale, upsample, upsamplePlain } from "#src/ops/resample";
import type { Frames } from "#src/types";
import { backends, checkGradient, distance, values } from "../gradient";

const row = (...numbers: number[]) => tf.tensor4d(numbers, [1, 1, numbers.length, 1]);

for (const backend of backends) {
  test(`${backend}: up-sampling by hand: weights 1/4 and 3/4 inside, borders copied`, async () => {
    await chooseBackend(backend);
    assert.deepEqual([...upsample(row(0, 4, 8), 2).dataSync()].slice(0, 6), [0, 1, 3, 5, 7, 8]);
    assert.deepEqual(upsample(row(0, 4, 8), 2).shape, [1, 2, 6, 1]);
    assert.deepEqual([...upsample(row(7), 4).dataSync()], Array(16).fill(7));
  });

  test(`${backend}: up-sampling equals tfjs's own forward pass`, async () => {
    await chooseBackend(backend);
    const x = values<tf.Rank.R4>([2, 5, 3, 4]);
    for (const factor of [2, 3, 4]) {
      const own = tf.image.resizeBilinear(x, [5 * factor, 3 * factor], false, true) as Frames;
      assert.ok(distance(upsample(x, factor), own) < 1e-6);
      assert.ok(distance(upsamplePlain(x, factor), own) < 1e-6);
    }
  });

  test(`${backend}: gradients of up-sampling and pooling equal finite differences`, async () => {
    await chooseBackend(backend);
    checkGradient((x) => upsample(x as Frames, 2), [values([1, 3, 4, 2])], { allowed: 1e-3 });
    checkGradient((x) => upsample(x as Frames, 4), [values([2, 1, 2, 1])], { allowed: 1e-3 });
    checkGradient((x) => upsamplePlain(x as Frames, 3), [values([1, 2, 3, 1])], { allowed: 1e-3 });
    checkGradient((x) => maxPool(x as Frames, 2), [values([2, 5, 4, 3])], { step: 1e-3 });
  });

  test(`${backend}: pooling drops odd rows, and gives a tie's gradient to the first in row order`, async () => {
    await chooseBackend(backend);
    const x = tf.tensor4d([1, 1, 0, 1, 1, 0, 5, 5, 5], [1, 3, 3, 1]);
    assert.deepEqual([...maxPool(x, 2).dataSync()], [1]);
    const gradient = tf.grad((t) => tf.sum(maxPool(t as Frames, 2)))(x);
    assert.deepEqual([...gradient.dataSync()], [1, 0, 0, 0, 0, 0, 0, 0, 0]);
    const black = tf.zeros<tf.Rank.R4>([1, 4, 4, 1]);
    const ties = tf.grad((t) => tf.sum(maxPool(t as Frames, 2)))(black);
    assert.deepEqual([...ties.dataSync()], [1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
  });
}

test("rescale goes either way, and refuses scales of which neither divides the other", async () => {
  await chooseBackend("cpu");
  const x = values<tf.Rank.R4>([1, 12, 12, 1]);
  assert.deepEqual(rescale(x, 1, 4).shape, [1, 3, 3, 1]);
  assert.deepEqual(rescale(x, 4, 2).shape, [1, 24, 24, 1]);
  assert.equal(rescale(x, 2, 2), x);
  assert.throws(() => rescale(x, 2, 3), /from scale 2 to scale 3/);
});
