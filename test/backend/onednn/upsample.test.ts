import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { upsample, upsamplePlain } from "#src/ops/resample";
import type { Frames } from "#src/types";
import { checkGradient, distance, values } from "../../gradient";
import { assertClearLanes, blocked, compareWithCpu, engine, skip } from "./forms";

type Shape = [batch: number, height: number, width: number, channels: number];
const shapes: Shape[] = [
  [1, 1, 1, 1],
  [5, 1, 3, 3],
  [1, 5, 4, 17],
  [2, 3, 1, 32],
  [5, 2, 3, 48],
];
const maps = (shape: Shape, key = "x") => values<tf.Rank.R4>(shape, key);

describe("up-sampling on the engine", { skip }, () => {
  beforeEach(async () => {
    await chooseBackend("onednn");
  });

  test("values and gradients are those of matrix products on the cpu, in both forms", async () => {
    const allowed = 1e-5;
    for (const shape of shapes) {
      for (const factor of [2, 3, 4]) {
        await compareWithCpu(
          (x) => upsample(x as Frames, factor),
          () => [maps(shape)],
          { allowed },
        );
      }
    }
    // Large enough for all threads.
    await compareWithCpu(
      (x) => upsample(x as Frames, 2),
      () => [maps([3, 33, 31, 20])],
      { allowed },
    );
  });

  test("gradients equal finite differences", () => {
    for (const shape of [
      [1, 1, 1, 1],
      [5, 1, 2, 3],
      [1, 3, 2, 17],
    ] as Shape[]) {
      for (const x of [maps(shape), blocked(maps(shape))]) {
        checkGradient((y) => upsample(y as Frames, 2), [x], { allowed: 2e-3 });
        checkGradient((y) => upsample(y as Frames, 4), [x], { allowed: 2e-3 });
      }
    }
  });

  test("the gradient has a gradient", () => {
    const [x, dy] = [maps([1, 2, 3, 2]), maps([1, 4, 6, 2], "dy")];
    const twice = (f: typeof upsample) =>
      tf.grad((g) => tf.sum(tf.square(tf.grad((y) => f(y as Frames, 2))(x, g))))(dy) as Frames;
    assert.ok(distance(twice(upsample), twice(upsamplePlain)) < 1e-5);
  });

  test("a constant map stays constant to the last bit of its edges", () => {
    for (const factor of [2, 4]) {
      const y = upsample(blocked(tf.fill([1, 3, 5, 17], 7)) as Frames, factor);
      assert.deepEqual(new Set(y.dataSync()), new Set([7]));
    }
  });

  test("maps stay blocked; a batch of none is up-sampled to none", () => {
    const x = blocked(maps([2, 3, 5, 17]));
    assert.equal(engine().form(upsample(x, 2)), "blocked");
    const dy = maps([2, 6, 10, 17], "dy");
    const gradient = tf.grad((y) => upsample(y as Frames, 2));
    const [plain, dx] = [gradient(x, dy), gradient(x, blocked(dy))];
    assert.deepEqual(
      [plain, dx].map((y) => engine().form(y)),
      ["plain", "blocked"],
    );
    assertClearLanes(dx);
    assert.ok(distance(plain, dx) < 1e-6);
    assert.deepEqual(upsample(tf.zeros([0, 3, 5, 2]), 2).shape, [0, 6, 10, 2]);
  });

  test("native calls that do not fit are refused", () => {
    const { native } = engine();
    const [x, y] = [native.allocate(6), native.allocate(24)];
    const huge = 2 ** 40;
    const wrong: [call: () => void, message: RegExp][] = [
      [() => native.upsample(x, x, 1, 2, 3, 1, 2), /upsample: out has 6 floats, expected 24/],
      [() => native.upsample(x, y, 1, 3, 3, 1, 2), /upsample: x has 6 floats, expected 9/],
      [() => native.upsample(x, y, 1, 2, 3, 1, 3), /out has 24 floats, expected 54/],
      [() => native.upsampleGradient(x, y, 1, 2, 3, 1, 2), /upsampleGradient: dy has 6 floats, expected 24/],
      [() => native.upsampleGradient(y, x, 2, 1, 5, 1, 1), /dx has 6 floats, expected 10/],
      [() => native.upsample(x, y, huge, huge, huge, huge, 2), /more than 2\^40/],
      [() => native.upsample(x, y, 1, 2, 3, 1, 0), /factor is 0, expected a whole number from 1 to 4096/],
      [() => native.upsample(x, y, 1, 2, 3, 0, 2), /channels is 0/],
      [() => native.upsample(x, y, 1, 1.5, 3, 1, 2), /height is 1.5/],
      [() => native.upsample(undefined as never, y, 1, 2, 3, 1, 2), /x is not a buffer/],
    ];
    for (const [call, message] of wrong) assert.throws(call, message);
    for (const buffer of [x, y]) native.release(buffer);
    assert.throws(() => upsample(tf.zeros([1, 2, 3, 1], "int32"), 2), /Upsample: these inputs cannot be computed/);
  });
});
