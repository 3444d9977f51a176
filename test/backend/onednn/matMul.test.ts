import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { OnednnBackend } from "#src/backend/onednn/backend";
import { enginePath } from "#src/backend/onednn/native";
import { checkGradient, values } from "../../gradient";

const skip = existsSync(enginePath()) ? false : "the engine is not built";

type Case = [a: number[], b: number[], turnA: boolean, turnB: boolean];
const cases: Case[] = [
  [[1, 1], [1, 1], false, false],
  [[3, 17], [17, 5], false, false],
  [[17, 3], [17, 5], true, false],
  [[3, 17], [5, 17], false, true],
  [[17, 3], [5, 17], true, true],
  [[4, 3, 17], [4, 17, 48], false, false],
  [[1, 3, 17], [4, 17, 2], false, false],
  [[4, 17, 3], [1, 32, 17], true, true],
  [[2, 3, 5, 7], [2, 3, 7, 2], false, false],
  [[2, 1, 5, 7], [1, 1, 7, 2], false, false],
  [[2, 1, 5, 7], [1, 3, 7, 2], false, false],
];
const multiply = ([, , turnA, turnB]: Case) =>
  ((a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, turnA, turnB)) as (...ab: tf.Tensor[]) => tf.Tensor;

describe("matrix products on the engine", { skip }, () => {
  test("products and gradients are those of the cpu backend", async () => {
    const all = () =>
      cases.map((one) =>
        tf.tidy(() => {
          const inputs = [values(one[0] as [number, number], "a"), values(one[1] as [number, number], "b")];
          // tfjs has no gradient of products that broadcast over the batch.
          const even = one[0].slice(0, -2).join() === one[1].slice(0, -2).join();
          const gradients = even ? tf.grads(multiply(one))(inputs) : [];
          const results = [multiply(one)(...inputs), ...gradients];
          return results.map((result) => ({ shape: result.shape, values: result.dataSync() }));
        }),
      );
    await chooseBackend("cpu");
    const expected = all();
    await chooseBackend("onednn");
    for (const [i, results] of all().entries()) {
      for (const [k, { shape, values }] of results.entries()) {
        assert.deepEqual(shape, expected[i][k].shape);
        for (const [at, value] of expected[i][k].values.entries()) {
          assert.ok(Math.abs(values[at] - value) < 1e-5, `${JSON.stringify(cases[i])}, result ${k}, ${at}`);
        }
      }
    }
  });

  test("gradients agree with finite differences", async () => {
    await chooseBackend("onednn");
    for (const one of cases.slice(0, 5)) {
      const inputs = [values(one[0] as [number, number], "a"), values(one[1] as [number, number], "b")];
      checkGradient(multiply(one), inputs);
    }
  });

  test("a bias and an activation in the same operation", async () => {
    const run = () =>
      tf.tidy(() => {
        const a = values<tf.Rank.R2>([5, 17], "a");
        const b = values<tf.Rank.R2>([17, 3], "b");
        const bias = values<tf.Rank.R1>([3], "bias");
        return tf.fused.matMul({ a, b, bias, activation: "sigmoid" }).dataSync();
      });
    await chooseBackend("cpu");
    const expected = run();
    await chooseBackend("onednn");
    for (const [at, value] of run().entries()) assert.ok(Math.abs(value - expected[at]) < 1e-6, `${at}`);
  });

  test("a product beyond its buffers is refused", async () => {
    await chooseBackend("onednn");
    const { native } = tf.backend() as unknown as OnednnBackend;
    const [a, b, out] = [6, 6, 9].map((floats) => native.allocate(floats));
    assert.throws(() => native.matMul(a, b, out, 1, 1, 3, 3, 3, false, false), /matMul: a has 6 floats, expected 9/);
    assert.throws(() => native.matMul(a, b, out, 2, 3, 1, 1, 1, false, false), /batches 2 and 3/);
    assert.throws(() => native.matMul(a, b, out, 1, 1, 2 ** 30, 2 ** 30, 2 ** 30, false, false), /2\^40/);
    native.matMul(a, b, out, 1, 1, 3, 3, 2, false, false);
    native.finish();
    for (const buffer of [a, b, out]) native.release(buffer);
  });
});
