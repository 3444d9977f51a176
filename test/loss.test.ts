import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { loss } from "#src/loss";
import type { Clip } from "#src/types";

test("by hand: sums over pixels, means over frames, weights of the terms", async () => {
  await chooseBackend("cpu");
  const predicted = tf.tensor5d([1, 2, 0, 0], [1, 2, 1, 2, 1]);
  const observed = tf.tensor5d([0, 0, 0, -3], [1, 2, 1, 2, 1]);
  const value = (weights?: Parameters<typeof loss>[2]) => loss(predicted, observed, weights).dataSync()[0];
  assert.equal(value(), (1 + 4 + 9 + 1 + 2 + 3) / 2);
  assert.equal(value({ mse: 1, mae: 0 }), 7);
  assert.equal(value({ mse: 0, mae: 2 }), 6);
  const twice = (clip: Clip) => tf.concat([clip, clip], 0);
  assert.equal(loss(twice(predicted), twice(observed)).dataSync()[0], value());
});
