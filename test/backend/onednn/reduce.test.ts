import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { checkGradient, values } from "../../gradient";
import { blocked, compareWithCpu, engine, skip } from "./forms";

type Reduction = (x: tf.Tensor, axis?: number[], keepDims?: boolean) => tf.Tensor;

const reductions: Record<string, Reduction> = {
  sum: tf.sum,
  mean: tf.mean,
  max: tf.max,
  min: tf.min,
  prod: (x, axis, keep) => tf.prod(tf.add(tf.mul(x, 0.2), 1), axis, keep),
  all: (x, axis, keep) => tf.all(tf.greater(x, -0.6), axis, keep),
  any: (x, axis, keep) => tf.any(tf.greater(x, 0.6), axis, keep),
};
const smooth = ["sum", "mean"];

const shapes: number[][] = [
  [],
  [1],
  [37],
  [3, 5],
  [2, 3, 5],
  [1, 1, 1, 1],
  [5, 1, 1, 3],
  [1, 3, 2, 17],
  [2, 5, 3, 32],
  [1, 2, 2, 48],
  [2, 3, 2, 2, 3],
];

/** All sets of axes. */
const subsets = (rank: number): number[][] =>
  Array.from({ length: 2 ** rank }, (_, bits) => [...Array(rank).keys()].filter((axis) => bits & (1 << axis)));

describe("reductions of onednn", { skip }, () => {
  before(async () => {
    await chooseBackend("onednn");
  });

  for (const [name, reduce] of Object.entries(reductions)) {
    test(`${name} equals the cpu's over every set of axes`, async () => {
      for (const shape of shapes) {
        for (const axes of subsets(shape.length)) {
          for (const keep of [false, true]) {
            const gradients = smooth.includes(name) && keep;
            const make = () => [values(shape as [number], name)];
            await compareWithCpu(((x: tf.Tensor) => reduce(x, axes, keep)) as never, make, {
              allowed: 4e-6,
              gradients,
            });
          }
        }
      }
    });

    test(`${name} of many numbers, which both threads share`, async () => {
      for (const [shape, axes] of [
        [[100003], [0]],
        [[3, 40001], [1]],
        [[40001, 3], [0]],
        [[3000, 33], [0]],
        [[90, 3000], [0]],
        [[5000, 7], [1]],
        [[2, 200, 300], [1]],
        [
          [2, 300, 41, 20],
          [0, 1, 2],
        ],
        [
          [2, 300, 41, 20],
          [0, 3],
        ],
        [
          [2, 90, 41, 20],
          [0, 1, 2, 3],
        ],
      ]) {
        // A product of so many is told apart from the cpu's only where most factors are 1.
        const make = () => [tf.tidy(() => values(shape as [number], name).mul(name === "prod" ? 1e-3 : 1))];
        const size = shape.reduce((a, b) => a * b, 1);
        await compareWithCpu(((x: tf.Tensor) => reduce(x, axes)) as never, make, {
          allowed: smooth.includes(name) ? 1e-9 * size : 1e-5,
          gradients: false,
        });
      }
    });
  }

  test("gradients equal finite differences", async () => {
    await chooseBackend("onednn");
    for (const shape of [
      [1, 2, 2, 3],
      [2, 1, 2, 17],
    ]) {
      for (const axes of [[0, 1, 2], [3], [1, 2], [0, 1, 2, 3]]) {
        for (const reduce of [tf.sum, tf.mean]) {
          tf.tidy(() => {
            const x = values(shape as [number], "x");
            checkGradient((x) => reduce(tf.square(x), axes), [x]);
            checkGradient((x) => reduce(tf.square(x), axes), [blocked(x)]);
          });
        }
      }
    }
  });

  test("a million equal numbers add up exactly", async () => {
    await chooseBackend("onednn");
    assert.equal(tf.sum(tf.fill([1 << 20], 0.1)).dataSync()[0], Math.fround(Math.fround(0.1) * (1 << 20)));
    const columns = tf.sum(tf.fill([1 << 16, 20], 0.1), 0).dataSync();
    assert.deepEqual(new Set(columns), new Set([Math.fround(Math.fround(0.1) * (1 << 16))]));
  });

  test("NaN and infinities", async () => {
    const { NaN: nan, POSITIVE_INFINITY: up, NEGATIVE_INFINITY: down } = Number;
    const rows = [
      [1, nan, 2],
      [nan, 1, 2],
      [1, 2, nan],
      [up, 1, 2],
      [down, 1, 2],
      [up, down, 0],
      [down, down, down],
      [up, up, up],
    ];
    for (const reduce of [tf.sum, tf.mean, tf.max, tf.min, tf.prod]) {
      for (const axis of [0, 1]) {
        await compareWithCpu(((x: tf.Tensor) => reduce(x, axis)) as never, () => [tf.tensor2d(rows)], {
          gradients: false,
        });
      }
    }
  });

  test("other types, and nothing to reduce, are left to tfjs", async () => {
    for (const make of [
      () => [tf.tensor1d([1, 2, 4], "int32")],
      () => [tf.tensor1d([1, 0, 1], "bool")],
      () => [tf.tensor1d([])],
    ]) {
      for (const reduce of [tf.sum, tf.mean, tf.prod])
        await compareWithCpu(reduce as never, make, { gradients: false });
    }
    await compareWithCpu(((x: tf.Tensor) => tf.softmax(x)) as never, () => [values([5, 7], "x")], { allowed: 1e-6 });
  });

  test("wrong native calls throw and do nothing", async () => {
    await chooseBackend("onednn");
    const { native } = engine();
    const x = native.allocate(1000);
    const y = native.allocate(1000);
    const gone = native.allocate(8);
    native.release(gone);
    const before = native.state().buffers;
    const wrong: [RegExp, () => void][] = [
      [/no function Median/, () => native.reduce("Median", x, y, 1, 1000, 1, 1)],
      [/x has \d+ floats, expected 2000000/, () => native.reduce("Sum", x, y, 2, 1000, 1000, 1)],
      [/y has \d+ floats/, () => native.reduce("Sum", native.allocate(1e6), y, 1000, 1, 1000, 1)],
      [/2\^40/, () => native.reduce("Sum", x, y, 2 ** 40, 2 ** 40, 2 ** 40, 1)],
      [/rows is 0/, () => native.reduce("Sum", x, y, 1, 0, 1, 1)],
      [/inner is nan/i, () => native.reduce("Sum", x, y, 1, 1, Number.NaN, 1)],
      [/buffer/, () => native.reduce("Sum", gone, y, 1, 1, 1, 1)],
      [/scale is missing/, () => (native.reduce as (...all: unknown[]) => void)("Sum", x, y, 1, 1, 1)],
    ];
    for (const [message, call] of wrong) assert.throws(call, message, String(call));
    assert.equal(native.state().buffers, before + 1);
  });
});
