import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { checkGradient, values } from "../../gradient";
import { blocked, compareWithCpu, engine, type Operation, skip } from "./forms";

type Shape = number[];
const tensors =
  (...shapes: Shape[]) =>
  () =>
    shapes.map((shape, i) => values(shape as [number], i));
const maps = (shape: Shape) => values<tf.Rank.R4>(shape as [number, number, number, number], "x");

describe("shapes on the engine", { skip }, () => {
  beforeEach(async () => {
    await chooseBackend("onednn");
  });

  test("joining", async () => {
    const join =
      (axis: number): Operation =>
      (...inputs) =>
        tf.concat(inputs, axis);
    for (const [first, second, third] of [
      [1, 1, 1],
      [3, 17, 1],
      [16, 3, 32],
      [32, 48, 17],
      [17, 16, 16],
    ]) {
      await compareWithCpu(join(3), tensors([2, 3, 5, first], [2, 3, 5, second], [2, 3, 5, third]));
    }
    for (const channels of [1, 17, 32]) {
      await compareWithCpu(join(0), tensors([1, 1, 1, channels], [5, 1, 1, channels]));
      await compareWithCpu(join(1), tensors([2, 3, 2, channels], [2, 1, 2, channels]));
      await compareWithCpu(join(2), tensors([2, 3, 2, channels], [2, 3, 4, channels]));
    }
    await compareWithCpu(join(0), tensors([3], [70000]), { gradients: false });
    await compareWithCpu(join(2), tensors([2, 3, 4, 5, 1], [2, 3, 1, 5, 1]));
    await compareWithCpu(
      (...inputs) =>
        tf.concat(
          inputs.map((x) => tf.greater(x, 0)),
          1,
        ),
      tensors([2, 3], [2, 5]),
      {
        gradients: false,
      },
    );
    await compareWithCpu((x) => tf.concat([x, tf.tensor1d([])]), tensors([3]), { gradients: false });
  });

  test("stacking, and its reverse", async () => {
    for (const axis of [0, 1, 2, 4]) {
      await compareWithCpu((...inputs) => tf.stack(inputs, axis), tensors([2, 3, 1, 17], [2, 3, 1, 17]));
    }
    await compareWithCpu((...inputs) => tf.stack(inputs, 1), tensors([7]));
    for (const axis of [0, 1, 3, -1]) await compareWithCpu((x) => tf.unstack(x, axis), tensors([2, 3, 1, 17]));
    await compareWithCpu((x) => tf.unstack(x, 1), tensors([5, 3, 2, 2, 3]));
  });

  test("cutting out", async () => {
    const cut =
      (begin: Shape, size: Shape): Operation =>
      (x) =>
        tf.slice(x, begin, size);
    for (const [from, length] of [
      [0, 16],
      [16, 32],
      [32, 17],
      [16, 33],
      [1, 3],
      [0, 17],
      [48, 1],
      [0, 49],
    ]) {
      await compareWithCpu(cut([0, 0, 0, from], [-1, -1, -1, length]), tensors([2, 3, 5, 49]));
    }
    await compareWithCpu(cut([1, 0, 0, 0], [3, 4, 3, 17]), tensors([5, 4, 3, 17]));
    await compareWithCpu(cut([0, 1, 0, 0], [5, 2, 3, 17]), tensors([5, 4, 3, 17]));
    await compareWithCpu(cut([0, 0, 2, 0], [5, 4, 1, 17]), tensors([5, 4, 3, 17]));
    await compareWithCpu(cut([1, 1, 1, 16], [2, 2, 2, 16]), tensors([5, 4, 3, 48]));
    await compareWithCpu(cut([1, 1, 1, 3], [2, 2, 2, 16]), tensors([5, 4, 3, 48]));
    await compareWithCpu(cut([0, 3, 0, 0, 0], [2, 1, 3, 2, 1]), tensors([2, 4, 3, 2, 1]));
    await compareWithCpu(cut([5], [60000]), tensors([70001]), { gradients: false });
    await compareWithCpu(cut([1, 0], [0, 2]), tensors([2, 2]), { gradients: false });
    await compareWithCpu((x) => tf.split(x, 4, 3), tensors([2, 3, 1, 64]));
    await compareWithCpu((x) => tf.split(x, 4, 3), tensors([2, 3, 1, 12]));
    await compareWithCpu((x) => tf.split(x, [16, 1, 4], -1), tensors([1, 1, 1, 21]));
    await compareWithCpu((x) => tf.split(x, [1, 4], 0), tensors([5, 2, 3, 17]));
  });

  test("steps", async () => {
    const alone = { gradients: false };
    await compareWithCpu((x) => tf.stridedSlice(x, [1, 0], [5, 7], [2, 3]), tensors([5, 7]), alone);
    await compareWithCpu((x) => tf.stridedSlice(x, [4, 6], [0, 0], [-2, -1]), tensors([5, 7]), alone);
    await compareWithCpu((x) => tf.stridedSlice(x, [0, 1], [5, 2], [1, 1], 0, 0, 0, 0, 2), tensors([5, 7]), alone);
    await compareWithCpu((x) => tf.stridedSlice(x, [0, 1], [5, 9], [1, 2]), tensors([5, 2, 1, 17]), alone);
  });

  test("padding", async () => {
    const pad =
      (paddings: [number, number][], value = 0): Operation =>
      (x) =>
        tf.pad(x, paddings, value);
    for (const channels of [1, 3, 17, 32, 48]) {
      await compareWithCpu(
        pad([
          [0, 0],
          [1, 2],
          [3, 0],
          [0, 0],
        ]),
        tensors([5, 1, 1, channels]),
      );
      await compareWithCpu(
        pad([
          [2, 1],
          [0, 0],
          [0, 0],
          [0, 0],
        ]),
        tensors([2, 3, 2, channels]),
      );
      await compareWithCpu(
        pad([
          [0, 0],
          [0, 0],
          [0, 0],
          [16, 5],
        ]),
        tensors([2, 3, 2, channels]),
      );
      await compareWithCpu(
        pad([
          [1, 0],
          [0, 2],
          [1, 1],
          [32, 16],
        ]),
        tensors([2, 3, 2, channels]),
      );
      await compareWithCpu(
        pad([
          [0, 0],
          [0, 0],
          [0, 0],
          [3, 29],
        ]),
        tensors([2, 3, 2, channels]),
      );
      await compareWithCpu(
        pad(
          [
            [0, 0],
            [1, 0],
            [0, 1],
            [0, 1],
          ],
          -2.5,
        ),
        tensors([1, 3, 2, channels]),
      );
    }
    await compareWithCpu(pad([[0, 0]]), tensors([3]));
    await compareWithCpu(pad([[20000, 30000]], 1), tensors([3]), { gradients: false });
    await compareWithCpu(
      pad([
        [0, 0],
        [1, 1],
        [0, 0],
        [0, 0],
        [2, 0],
      ]),
      tensors([2, 2, 3, 2, 2]),
      { gradients: false },
    );
    await compareWithCpu((x) => tf.pad(tf.greater(x, 0), [[1, 2]], 1), tensors([3]), { gradients: false });
    for (const mode of ["reflect", "symmetric"] as const) {
      await compareWithCpu(
        (x) =>
          tf.mirrorPad(
            x,
            [
              [0, 0],
              [1, 2],
              [2, 2],
              [0, 1],
            ],
            mode,
          ),
        tensors([2, 3, 5, 17]),
        {
          gradients: false,
        },
      );
    }
  });

  test("other orders", async () => {
    const turn =
      (order: Shape): Operation =>
      (x) =>
        tf.transpose(x, order);
    for (const order of [
      [0, 3, 1, 2],
      [0, 2, 3, 1],
      [3, 2, 1, 0],
      [1, 0, 2, 3],
      [0, 1, 3, 2],
      [0, 1, 2, 3],
      [2, 0, 3, 1],
    ]) {
      await compareWithCpu(turn(order), tensors([5, 4, 3, 17]));
      await compareWithCpu(turn(order), tensors([1, 33, 18, 5]));
      await compareWithCpu(turn(order), tensors([2, 1, 1, 32]));
    }
    await compareWithCpu(turn([1, 0]), tensors([35, 50]));
    await compareWithCpu(turn([1, 0]), tensors([700, 300]), { gradients: false });
    await compareWithCpu(turn([5, 3, 1, 0, 2, 4]), tensors([2, 3, 4, 2, 3, 5]), { gradients: false });
    await compareWithCpu((x) => tf.reverse(x, [1, 3]), tensors([2, 3, 4, 17]));
    await compareWithCpu((x) => tf.reverse(x), tensors([40001]), { gradients: false });
    await compareWithCpu((x) => tf.tile(x, [2, 1, 3, 2]), tensors([2, 3, 1, 17]), { allowed: 1e-6 });
    await compareWithCpu((x) => tf.tile(x, [2, 1, 2, 1, 1, 3]), tensors([1, 2, 1, 2, 3, 2]), { gradients: false });
    await compareWithCpu((x) => tf.broadcastTo(x, [2, 3, 4, 17]), tensors([3, 1, 17]), { gradients: false });
    await compareWithCpu((x) => tf.tile(x, [0]), tensors([3]), { gradients: false });
  });

  test("rows by index", async () => {
    for (const axis of [0, 1, 3]) {
      const indices = () =>
        tf.tensor2d(
          [
            [1, 0, 1],
            [0, 2, 2],
          ],
          [2, 3],
          "int32",
        );
      await compareWithCpu((x) => tf.gather(x, indices(), axis), tensors([3, 4, 1, 17]), { gradients: axis === 0 });
    }
    const first = () => tf.tensor2d([[1], [0]], [2, 1], "int32");
    for (const dims of [1, -1]) {
      await compareWithCpu((x) => tf.gather(x, first(), 1, dims), tensors([2, 3]), { gradients: false });
    }
    assert.throws(
      () => tf.gather(tf.tensor1d([1, 2]), tf.tensor1d([2], "int32")),
      /the index value 2 is not in \[0, 1\]/,
    );
  });

  test("gradients equal finite differences", () => {
    const operations: [shape: Shape, f: (x: tf.Tensor) => tf.Tensor][] = [
      [[5, 1, 1, 1], (x) => tf.concat([x, tf.neg(x)], 3)],
      [[1, 2, 3, 17], (x) => tf.stack([x, tf.neg(x)], 1)],
      [[1, 1, 2, 32], (x) => tf.slice(x, [0, 0, 0, 16], [1, 1, 2, 16])],
      [
        [1, 2, 3, 3],
        (x) =>
          tf.pad(x, [
            [0, 0],
            [1, 0],
            [0, 2],
            [0, 0],
          ]),
      ],
      [[5, 2, 1, 3], (x) => tf.transpose(x, [0, 3, 1, 2])],
      [[1, 2, 3, 3], (x) => tf.reverse(tf.tile(x, [2, 1, 1, 2]), [1, 3])],
    ];
    for (const [shape, f] of operations) {
      for (const x of [maps(shape), blocked(maps(shape))]) checkGradient(f, [x], { allowed: 2e-3 });
    }
  });

  test("maps stay blocked where no block is cut", () => {
    const [wide, narrow] = [blocked(maps([2, 3, 5, 32])), blocked(maps([2, 3, 5, 17]))];
    const form = (x: tf.Tensor) => engine().form(x);
    assert.equal(form(tf.concat([wide, narrow], 3)), "blocked");
    assert.equal(form(tf.concat([maps([2, 3, 5, 16]), narrow], 3)), "blocked");
    assert.equal(form(tf.concat([narrow, wide], 3)), "plain");
    assert.equal(form(tf.concat([narrow, narrow], 0)), "blocked");
    assert.equal(form(tf.concat([maps([2, 3, 5, 32]), maps([2, 3, 5, 32])], 3)), "plain");
    assert.deepEqual(tf.split(wide, 2, 3).map(form), ["blocked", "blocked"]);
    assert.equal(form(tf.slice(narrow, [0, 0, 0, 16], [2, 3, 5, 1])), "blocked");
    assert.equal(form(tf.slice(narrow, [0, 0, 0, 0], [2, 3, 5, 3])), "plain");
    assert.equal(form(tf.slice(narrow, [1, 1, 1, 0], [1, 2, 2, 17])), "blocked");
    assert.equal(
      form(
        tf.pad(narrow, [
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 0],
        ]),
      ),
      "blocked",
    );
    assert.equal(
      form(
        tf.pad(wide, [
          [0, 0],
          [0, 0],
          [0, 0],
          [16, 16],
        ]),
      ),
      "blocked",
    );
    assert.equal(
      form(
        tf.pad(
          narrow,
          [
            [0, 0],
            [1, 1],
            [1, 1],
            [0, 0],
          ],
          1,
        ),
      ),
      "plain",
    );
  });

  test("native calls that do not fit are refused", () => {
    const { native } = engine();
    const [x, y] = [native.allocate(24), native.allocate(24)];
    const huge = 2 ** 40;
    const wrong: [call: () => void, message: RegExp][] = [
      [() => native.concat([], y, 1, []), /concat: 0 inputs and 0 inners/],
      [() => native.concat([x], y, 1, [1, 2]), /1 inputs and 2 inners/],
      [() => native.concat([x, x], y, 2, [12, 12]), /out has 24 floats, expected 48/],
      [() => native.concat([x], y, 2, [13]), /inputs has 24 floats, expected 26/],
      [() => native.concat([x], y, 1, [0]), /inners has an entry 0/],
      [() => native.concat([x, x], y, huge, [huge, huge]), /more than 2\^40/],
      [() => native.concat(x as never, y, 1, [1]), /inputs is not an array/],
      [() => native.slice(x, y, 2, 12, 12, 1), /begin is 12, expected a whole number from 0 to 11/],
      [() => native.slice(x, y, 2, 12, 3, 10), /size is 10, expected a whole number from 1 to 9/],
      [() => native.slice(x, y, 3, 12, 3, 1), /x has 24 floats, expected 36/],
      [() => native.slice(x, y, huge, huge, 0, huge), /more than 2\^40/],
      [() => native.stridedCopy(x, y, [2, 3], [1], 0), /shape has 2 axes and strides 1/],
      [() => native.stridedCopy(x, y, Array(13).fill(1), Array(13).fill(1), 0), /at most 12/],
      [() => native.stridedCopy(x, y, [5], [6], 0), /strides reach from 0 to 24, x has 24 floats/],
      [() => native.stridedCopy(x, y, [5], [-1], 3), /strides reach from -1 to 3/],
      [() => native.stridedCopy(x, y, [huge], [2 ** 53 - 1], 0), /out has 24 floats/],
      [() => native.stridedCopy(x, y, [3, 3], [2 ** 53 - 1, 2 ** 53 - 1], 0), /strides reach/],
      [() => native.stridedCopy(x, y, [25], [0], 0), /out has 24 floats, expected 25/],
      [() => native.pad(x, y, [4], [6, 1], [1], 0), /inShape has 1 axes, outShape 2 and before 1/],
      [() => native.pad(x, y, [4], [6], [3], 0), /axis 0: 3 before and 4 of x do not fit into 6/],
      [() => native.pad(x, y, [25], [25], [0], 0), /x has 24 floats, expected 25/],
      [() => native.pad(x, y, [4, 6], [4, 7], [0, 0], 0), /out has 24 floats, expected 28/],
      [() => native.pad(x, y, [huge, huge], [huge, huge], [0, 0], 0), /more than 2\^40/],
      [() => native.take(x, y, 1, 4, 6, [4]), /indices has 4, expected less than 4/],
      [() => native.take(x, y, 1, 4, 6, [0, 0, 0, 0, 0]), /out has 24 floats, expected 30/],
      [() => native.take(x, y, 1, 4, 6, [0.5]), /indices has an entry 0.5/],
      [() => native.take(x, 77 as never, 1, 4, 6, [0]), /no buffer 77/],
    ];
    for (const [call, message] of wrong) assert.throws(call, message);
    native.stridedCopy(x, y, [], [], 23);
    native.pad(x, y, [], [], [], 0);
    native.finish();
    for (const buffer of [x, y]) native.release(buffer);
  });
});
