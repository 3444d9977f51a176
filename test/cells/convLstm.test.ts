import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { type ConvLstmParams, convLstm } from "#src/cells/convLstm";
import { random } from "#src/random";
import { leaves, unflatten } from "#src/tree";
import type { Frames } from "#src/types";
import { backends, checkGradient, values } from "../gradient";

const sigma = (x: number) => 1 / (1 + Math.exp(-x));

for (const backend of backends) {
  test(`${backend}: one step by hand on a 2 by 2 frame`, async () => {
    await chooseBackend(backend);
    const cell = convLstm({ filters: 1, kernelSize: 1 });
    // Input weights 1, 2, 3, 4 and state weights -1, 0.5, 0.25, 2 for i, f, g, o; biases 0.1 and 0.2 on every gate.
    const params: ConvLstmParams = {
      kernel: tf.tensor4d([1, 2, 3, 4, -1, 0.5, 0.25, 2], [1, 1, 2, 4]),
      biasX: tf.fill([4], 0.1) as tf.Tensor1D,
      biasH: tf.fill([4], 0.2) as tf.Tensor1D,
    };
    const [x, h, c] = [
      [0.5, -0.25, 0, 1],
      [0.1, 0.2, 0, -0.5],
      [1, 0, -1, 0.5],
    ];
    const shape: [number, number, number, number] = [1, 2, 2, 1];
    const { state } = cell.step(
      params,
      { x: tf.tensor4d(x, shape) },
      { h: tf.tensor4d(h, shape), c: tf.tensor4d(c, shape) },
    );
    for (let p = 0; p < 4; p++) {
      const z = [1, 2, 3, 4].map((w, gate) => w * x[p] + [-1, 0.5, 0.25, 2][gate] * h[p] + 0.3);
      const cell = sigma(z[1]) * c[p] + sigma(z[0]) * Math.tanh(z[2]);
      assert.ok(Math.abs(state.c.dataSync()[p] - cell) < 1e-6);
      assert.ok(Math.abs(state.h.dataSync()[p] - sigma(z[3]) * Math.tanh(cell)) < 1e-6);
    }
  });

  test(`${backend}: gradients for input, states and every weight equal finite differences`, async () => {
    await chooseBackend(backend);
    const cell = convLstm({ filters: 2 });
    const params = cell.init(random(1), 1);
    const given = [values([1, 2, 3, 1], "x"), values([1, 2, 3, 2], "h"), values([1, 2, 3, 2], "c")];
    const weights = leaves(params).map(([, leaf]) => leaf);
    checkGradient(
      (x, h, c, ...rest) => {
        const next = cell.step(unflatten(params, rest), { x: x as Frames }, { h: h as Frames, c: c as Frames });
        return tf.concat([next.state.h, next.state.c], 3);
      },
      [...given, ...weights],
    );
  });
}

test("parameters: 72C² + 8C, each part uniform in ±1/sqrt(fan in), the same from the same seed", async () => {
  await chooseBackend("cpu");
  for (const filters of [4, 16, 64]) {
    const tree = convLstm({ filters }).init(random(7), filters);
    const count = leaves(tree).reduce((sum, [, leaf]) => sum + leaf.size, 0);
    assert.equal(count, 72 * filters ** 2 + 8 * filters);
  }
  const tree = convLstm({ filters: 8 }).init(random(7), 2);
  const [x, h] = tf.split(tree.kernel, [2, 8], 2).map((part) => Math.max(...tf.abs(part).dataSync()));
  assert.ok(x <= 1 / Math.sqrt(18) && x > 0.95 / Math.sqrt(18), `${x}`);
  assert.ok(h <= 1 / Math.sqrt(72) && h > 0.95 / Math.sqrt(72), `${h}`);
  assert.deepEqual(convLstm({ filters: 8 }).init(random(7), 2).biasH.dataSync(), tree.biasH.dataSync());
});

test("states start at zero, at the size asked for", () => {
  const { h, c } = convLstm({ filters: 3 }).zeroState(2, 4, 6);
  assert.deepEqual(
    [h.shape, c.shape],
    [
      [2, 4, 6, 3],
      [2, 4, 6, 3],
    ],
  );
  assert.equal(tf.sum(tf.add(tf.abs(h), tf.abs(c))).dataSync()[0], 0);
});
