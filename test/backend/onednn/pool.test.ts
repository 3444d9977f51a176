import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { random } from "#src/random";
import { checkGradient, values } from "../../gradient";
import { blocked, compareWithCpu, engine, type Operation, skip } from "./forms";

type Shape = [batch: number, height: number, width: number, channels: number];
type Pad = "same" | "valid" | number | [[0, 0], [number, number], [number, number], [0, 0]];
type Sizes = [filter: number | [number, number], strides: number | [number, number], pad: Pad];

const shapes: Shape[] = [
  [1, 1, 1, 1],
  [5, 4, 6, 3],
  [1, 7, 5, 17],
  [2, 6, 3, 32],
  [5, 5, 4, 48],
];
const sizes: Sizes[] = [
  [1, 1, "valid"],
  [1, 2, "valid"],
  [2, 2, "same"],
  [2, 1, "same"],
  [3, 2, "same"],
  [[3, 2], [1, 3], "same"],
  [4, 3, "same"],
  [2, 2, 1],
  [
    [2, 3],
    [3, 2],
    [
      [0, 0],
      [1, 0],
      [0, 2],
      [0, 0],
    ],
  ],
];
const fits = ([, height, width]: Shape, [filter, , pad]: Sizes) =>
  Math.min(height, width) > 1 || (typeof pad === "string" && (pad === "same" || filter === 1));
const maps = (shape: Shape, key = "x") => values<tf.Rank.R4>(shape, key);

/** Different numbers 1/20 apart, in random order. */
function apart(shape: Shape): tf.Tensor4D {
  const draw = random("test", "apart");
  const numbers = Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => i / 20);
  const order = numbers.map((value) => [draw(), value]).sort((a, b) => a[0] - b[0]);
  return tf.tensor4d(
    order.map(([, value]) => value),
    shape,
  );
}

describe("pooling on the engine", { skip }, () => {
  beforeEach(async () => {
    await chooseBackend("onednn");
  });

  test("largest and mean values and their gradients are the cpu's, in both forms", async () => {
    for (const shape of shapes) {
      for (const size of sizes.filter((one) => fits(shape, one))) {
        await compareWithCpu(
          (x) => tf.maxPool(x as tf.Tensor4D, ...size),
          () => [maps(shape)],
          { allowed: 1e-6 },
        );
        await compareWithCpu(
          (x) => tf.avgPool(x as tf.Tensor4D, ...size),
          () => [maps(shape)],
          { allowed: 1e-6 },
        );
      }
    }
    const rounded: Operation = (x) => tf.maxPool(x as tf.Tensor4D, 3, 2, 1, "ceil");
    await compareWithCpu(rounded, () => [maps([1, 7, 6, 17])], { allowed: 1e-6 });
  });

  test("maps large enough for all threads", async () => {
    for (const size of [
      [2, 2, "valid"],
      [3, 1, "same"],
    ] as Sizes[]) {
      await compareWithCpu(
        (x) => tf.maxPool(x as tf.Tensor4D, ...size),
        () => [maps([3, 63, 65, 20])],
        { allowed: 1e-6 },
      );
      await compareWithCpu(
        (x) => tf.avgPool(x as tf.Tensor4D, ...size),
        () => [maps([3, 63, 65, 20])],
        { allowed: 1e-6 },
      );
    }
  });

  test("windows of padding alone, NaN and infinities as on the cpu", async () => {
    const empty: Pad = [
      [0, 0],
      [2, 0],
      [0, 3],
      [0, 0],
    ];
    const odd = [NaN, 1, NaN, 2, NaN, NaN, NaN, -Infinity, Infinity, NaN, Infinity, 3, -Infinity, NaN, 0, -0];
    const make = () => [tf.tensor4d([...odd, ...odd], [2, 4, 4, 1])];
    for (const pool of [tf.maxPool, tf.avgPool]) {
      await compareWithCpu(
        (x) => pool(x as tf.Tensor4D, 2, 1, empty),
        () => [maps([2, 3, 3, 17])],
        { gradients: false, allowed: 1e-6 },
      );
      await compareWithCpu((x) => pool(x as tf.Tensor4D, 2, 2, "valid"), make, { allowed: 1e-6 });
      await compareWithCpu((x) => pool(x as tf.Tensor4D, 2, 1, "same"), make, { allowed: 1e-6 });
    }
  });

  test("gradients equal finite differences", () => {
    for (const shape of [
      [1, 1, 1, 1],
      [5, 3, 2, 1],
      [1, 4, 5, 3],
      [1, 2, 3, 17],
    ] as Shape[]) {
      for (const x of [apart(shape), blocked(apart(shape))]) {
        checkGradient((y) => tf.maxPool(y as tf.Tensor4D, 2, 2, "same"), [x]);
        checkGradient((y) => tf.maxPool(y as tf.Tensor4D, [2, 1], 1, "same"), [x]);
        if (shape[1] > 1) checkGradient((y) => tf.avgPool(y as tf.Tensor4D, 2, 1, "valid"), [x]);
      }
    }
    checkGradient((y) => tf.maxPool(blockedInside(y), 2, 2, "valid"), [apart([1, 2, 4, 3])]);
  });

  test("a tie's gradient goes to the first in row order", () => {
    for (const x of [tf.ones([1, 2, 4, 17]), blocked(tf.ones([1, 2, 4, 17]))]) {
      const dx = tf.grad((y) => tf.sum(tf.maxPool(y as tf.Tensor4D, 2, 2, "valid")))(x);
      const first = tf.slice(dx, [0, 0, 0, 16], [1, 2, 4, 1]).dataSync();
      assert.deepEqual([...first], [1, 0, 1, 0, 0, 0, 0, 0]);
    }
  });

  test("maps stay blocked", () => {
    const x = blocked(maps([2, 4, 6, 17]));
    assert.equal(engine().form(tf.maxPool(x, 2, 2, "valid")), "blocked");
    const dx = tf.grad((y) => tf.sum(tf.avgPool(tf.maxPool(y as tf.Tensor4D, 3, 1, "same"), 2, 2, "valid")))(x);
    assert.equal(engine().form(dx), "blocked");
  });

  test("native calls that do not fit are refused", () => {
    const { native } = engine();
    const [x, y] = [native.allocate(16), native.allocate(4)];
    type Pooling = Parameters<typeof native.maxPool> extends [unknown, unknown, ...infer Rest] ? Rest : never;
    const right: Pooling = [1, 4, 4, 1, 2, 2, 2, 2, 2, 2, 0, 0];
    const but = (at: number, value: number) => right.map((size, i) => (i === at ? value : size)) as Pooling;
    const huge = 2 ** 40;
    const wrong: [call: () => void, message: RegExp][] = [
      [() => native.maxPool(y, y, ...right), /maxPool: x has 4 floats, expected 16/],
      [() => native.averagePool(x, y, ...but(4, 3)), /averagePool: out has 4 floats, expected 6/],
      [() => native.maxPoolGradient(y, y, x, ...right), /maxPoolGradient: x has 4 floats/],
      [() => native.maxPoolGradient(y, x, y, ...right), /maxPoolGradient: dx has 4 floats/],
      [() => native.averagePoolGradient(y, y, ...right), /averagePoolGradient: dx has 4 floats/],
      [() => native.averagePoolGradient(y, x, ...but(5, 3)), /dy has 4 floats, expected 6/],
      [() => native.maxPool(x, y, ...but(0, huge)), /2\^40/],
      [() => native.maxPool(x, y, ...but(8, 0)), /strideHeight is 0, expected a whole number from 1/],
      [() => native.maxPool(x, y, ...but(6, huge)), /filterHeight is/],
      [() => native.maxPool(x, y, ...(right.map((n, i) => (i === 6 || i === 7 ? 65536 : n)) as Pooling)), /too large/],
      [() => native.maxPool(x, y, ...but(10, -1)), /padTop is -1/],
      [() => native.maxPool(x, y, ...but(3, Number.NaN)), /channels is/],
      [() => native.maxPool(x, "y" as never, ...right), /out is not a buffer/],
      [() => (native.maxPool as (...few: number[]) => void)(x, y, 1, 4), /inWidth is missing/],
    ];
    for (const [call, message] of wrong) assert.throws(call, message);
    // Windows far outside the map are empty.
    for (const far of [but(8, 1 << 20), but(10, 1 << 20), but(11, 1 << 20)]) {
      native.maxPool(x, y, ...far);
      native.maxPoolGradient(y, x, x, ...far);
      native.averagePoolGradient(y, x, ...far);
      native.finish();
    }
    for (const buffer of [x, y]) native.release(buffer);
  });
});

/** The same values in the blocked form, with a gradient. */
function blockedInside(x: tf.Tensor): tf.Tensor4D {
  return tf.customGrad((y) => ({ value: blocked(y as tf.Tensor), gradFunc: (dy: tf.Tensor) => dy }))(x) as tf.Tensor4D;
}
