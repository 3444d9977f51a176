import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { attention, localAttention, localAttentionPlain } from "#src/ops/attention";
import type { Frames } from "#src/types";
import { skip } from "../backend/onednn/forms";
import { backends, checkGradient, distance, values } from "../gradient";

/** All scores at once, pixel by pixel. */
function dense([q, k, v]: Frames[], window: number): Float32Array {
  const [batch, height, width, channels] = q.shape;
  const [queries, keys, results] = [q, k, v].map((x) => x.dataSync());
  const out = new Float32Array(q.size);
  const first = -Math.floor(window / 2);
  for (let b = 0; b < batch; b++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = ((b * height + y) * width + x) * channels;
        const seen: { score: number; from: number }[] = [];
        for (let dy = first; dy < first + window; dy++) {
          for (let dx = first; dx < first + window; dx++) {
            const inside = y + dy >= 0 && y + dy < height && x + dx >= 0 && x + dx < width;
            const from = inside ? ((b * height + y + dy) * width + x + dx) * channels : -1;
            let score = 0;
            for (let c = 0; inside && c < channels; c++) score += queries[at + c] * keys[from + c];
            seen.push({ score, from });
          }
        }
        const total = seen.reduce((sum, { score }) => sum + Math.exp(score), 0);
        for (const { score, from } of seen) {
          for (let c = 0; from >= 0 && c < channels; c++) out[at + c] += (Math.exp(score) / total) * results[from + c];
        }
      }
    }
  }
  return out;
}

for (const backend of backends) {
  test(`${backend}: local attention is the dense one, for windows even, odd, and larger than the map`, async () => {
    await chooseBackend(backend);
    for (const [shape, window] of [
      [[2, 5, 4, 3], 3],
      [[1, 3, 6, 17], 4],
      [[1, 4, 3, 2], 9],
      [[1, 1, 1, 1], 2],
    ] as [Frames["shape"], number][]) {
      const inputs = ["q", "k", "v"].map((name) => values<tf.Rank.R4>(shape, name));
      const got = localAttention(inputs[0], inputs[1], inputs[2], window).dataSync();
      for (const [i, expected] of dense(inputs, window).entries()) {
        assert.ok(
          Math.abs(got[i] - expected) < 1e-5,
          `[${shape}], window ${window}, ${i}: ${got[i]}, expected ${expected}`,
        );
      }
    }
  });

  test(`${backend}: gradients of local attention agree with finite differences`, async () => {
    await chooseBackend(backend);
    for (const window of [2, 3, 5]) {
      const inputs = ["q", "k", "v"].map((name) => values([1, 3, 2, 2], name));
      checkGradient((q, k, v) => localAttention(q as Frames, k as Frames, v as Frames, window), inputs);
    }
  });
}

test("onednn: the fused local attention and its gradients are those of tfjs's operations", { skip }, async () => {
  await chooseBackend("onednn");
  for (const [shape, window] of [
    [[2, 5, 37, 17], 6],
    [[1, 9, 16, 48], 3],
    [[3, 4, 5, 1], 12],
    [[1, 18, 33, 32], 7],
    [[1, 1, 15, 4], 1],
  ] as [Frames["shape"], number][]) {
    const inputs = ["q", "k", "v"].map((name) => values<tf.Rank.R4>(shape, name));
    const dy = values<tf.Rank.R4>(shape, "dy");
    const both = [localAttention, localAttentionPlain].map((f) => {
      const of = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => f(q as Frames, k as Frames, v as Frames, window);
      return [of(inputs[0], inputs[1], inputs[2]), ...tf.grads(of as (...x: tf.Tensor[]) => tf.Tensor)(inputs, dy)];
    });
    for (const [i, ours] of both[0].entries()) {
      assert.ok(distance(ours, both[1][i]) < 1e-5, `[${shape}], window ${window}, ${["out", "dq", "dk", "dv"][i]}`);
    }
    const again = localAttention(inputs[0], inputs[1], inputs[2], window);
    assert.deepEqual(again.dataSync(), both[0][0].dataSync(), "the same bits");
  }
});

for (const backend of backends) {
  test(`${backend}: attention in blocks is softmax(q·kᵀ)·v, and so is its gradient`, async () => {
    await chooseBackend(backend);
    const plain = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) =>
      tf.matMul(tf.softmax(tf.matMul(q as tf.Tensor3D, k as tf.Tensor3D, false, true)), v as tf.Tensor3D);
    // The second shape takes several blocks.
    for (const shape of [
      [2, 5, 3],
      [1, 2600, 2],
    ]) {
      if (backend !== "onednn" && shape[1] > 100) continue;
      const inputs = ["q", "k", "v"].map((name) => values(shape as [number, number, number], name));
      const dy = values(shape as [number, number, number], "dy");
      const ours = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) =>
        attention(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D) as tf.Tensor;
      assert.ok(distance(ours(inputs[0], inputs[1], inputs[2]), plain(inputs[0], inputs[1], inputs[2])) < 1e-5);
      const [got, expected] = [ours, plain].map((f) => tf.grads(f)(inputs, dy));
      for (const [i, gradient] of got.entries()) assert.ok(distance(gradient, expected[i]) < 1e-4, `${shape}, ${i}`);
    }
  });
}

test("local attention refuses windows and shapes that do not fit, and leaves no tensor behind", async () => {
  await chooseBackend("cpu");
  const x = values<tf.Rank.R4>([1, 3, 2, 2]);
  assert.throws(() => localAttention(x, x, x, 0), { name: "UsageError", message: /window is 0/ });
  assert.throws(
    () => localAttention(x, x, values([1, 3, 2, 1]), 3),
    /expected keys and values of \[1,3,2,2\], got \[1,3,2,1\]/,
  );
  const before = tf.memory().numTensors;
  const f = (q: tf.Tensor) => tf.sum(localAttention(q as Frames, x, x, 3)) as tf.Scalar;
  tf.dispose(tf.grad(f)(x));
  assert.equal(tf.memory().numTensors, before);
});
