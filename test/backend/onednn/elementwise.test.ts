import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { checkGradient, values } from "../../gradient";
import { blocked, compareWithCpu, engine, skip } from "./forms";

type One = (x: tf.Tensor) => tf.Tensor;
type Two = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

/** Odd sizes: one point, one channel, a part of a block, a whole one, more than one; batch 1 and 5; not square. */
const maps: number[][] = [
  [1, 1, 1, 1],
  [5, 1, 1, 3],
  [1, 3, 2, 17],
  [2, 5, 3, 32],
  [1, 2, 2, 48],
];
const shapes: number[][] = [...maps, [], [1], [7], [33], [3, 5, 2], [2, 1, 3, 2, 2]];
const awkward = [
  0, -0, 1, -1, 0.5, 1.5, 2.5, -0.5, -2.5, 6, 7, 20, -20, 1e-3, 1e-8, -1e-8, 1e-40, 60, -60, 88, 1e30, -1e30,
];
const special = [...awkward, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];

const smooth: Record<string, One> = {
  abs: (x) => tf.abs(tf.add(x, 2)),
  neg: tf.neg,
  square: tf.square,
  sqrt: (x) => tf.sqrt(tf.add(x, 2)),
  rsqrt: (x) => tf.rsqrt(tf.add(x, 2)),
  exp: tf.exp,
  expm1: tf.expm1,
  log: (x) => tf.log(tf.add(x, 2)),
  log1p: (x) => tf.log1p(tf.add(x, 0.5 + 1)),
  sigmoid: tf.sigmoid,
  tanh: tf.tanh,
  elu: tf.elu,
  softplus: tf.softplus,
  reciprocal: (x) => tf.reciprocal(tf.add(x, 2)),
  sin: tf.sin,
  cos: tf.cos,
  erf: tf.erf,
};
const rough: Record<string, One> = {
  abs: tf.abs,
  relu: tf.relu,
  relu6: tf.relu6,
  leakyRelu: (x) => tf.leakyRelu(x, 0.3),
  step: (x) => tf.step(x, 0.25),
  sign: tf.sign,
  floor: tf.floor,
  ceil: tf.ceil,
  round: tf.round,
  clipByValue: (x) => tf.clipByValue(x, 0.1, 2.1),
  isNaN: tf.isNaN,
  isFinite: tf.isFinite,
  isInf: tf.isInf,
  "to bool": (x) => tf.cast(x, "bool"),
  "to bool and back": (x) => tf.cast(tf.cast(x, "bool"), "float32"),
  logicalNot: (x) => tf.logicalNot(tf.cast(x, "bool")),
  zerosLike: tf.zerosLike,
  onesLike: tf.onesLike,
};
const arithmetic: Record<string, Two> = {
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: (a, b) => tf.div(a, tf.add(b, 2)),
  squaredDifference: tf.squaredDifference,
  pow: (a, b) => tf.pow(tf.add(a, 2), b),
};
const uneven: Record<string, Two> = {
  div: tf.div,
  pow: tf.pow,
  mod: tf.mod,
  maximum: tf.maximum,
  minimum: tf.minimum,
  equal: tf.equal,
  notEqual: tf.notEqual,
  less: tf.less,
  lessEqual: tf.lessEqual,
  greater: tf.greater,
  greaterEqual: tf.greaterEqual,
  prelu: tf.prelu,
  logicalAnd: (a, b) => tf.logicalAnd(tf.cast(a, "bool"), tf.cast(b, "bool")),
  logicalOr: (a, b) => tf.logicalOr(tf.cast(a, "bool"), tf.cast(b, "bool")),
};

/** Shapes of two operands: equal, a number, rows, columns, channels, samples, pixels, both repeated, many axes. */
const pairs: [number[], number[]][] = [
  ...maps.map((shape): [number[], number[]] => [shape, shape]),
  ...maps.map((shape): [number[], number[]] => [shape, []]),
  ...maps.map((shape): [number[], number[]] => [[1], shape]),
  ...maps.map((shape): [number[], number[]] => [shape, [shape[3]]]),
  ...maps.map((shape): [number[], number[]] => [[1, 1, 1, shape[3]], shape]),
  ...maps.map((shape): [number[], number[]] => [shape, [...shape.slice(0, 3), 1]]),
  ...maps.map((shape): [number[], number[]] => [shape, [1, ...shape.slice(1)]]),
  [
    [5, 4, 3, 17],
    [5, 1, 1, 17],
  ],
  [
    [5, 4, 3, 17],
    [4, 3, 17],
  ],
  [
    [5, 4, 3, 17],
    [1, 4, 3, 1],
  ],
  [
    [5, 4, 3, 17],
    [5, 1, 3, 1],
  ],
  [
    [5, 4, 1, 17],
    [1, 4, 3, 17],
  ],
  [
    [5, 1],
    [1, 7],
  ],
  [[33], [33]],
  [
    [2, 1, 3, 1, 2, 1],
    [1, 4, 1, 2, 1, 3],
  ],
  [
    [6, 5],
    [6, 1],
  ],
  [[0, 3], [3]],
]; // prettier-ignore

/** Values that meet: some equal, some 0, spread over ±2. */
const spread = (shape: number[], key: string) =>
  tf.tidy(() => tf.round(tf.mul(values(shape as [number], key), 4)).div(2));

describe("element-wise functions of onednn", { skip }, () => {
  before(async () => {
    await chooseBackend("onednn");
  });

  for (const [name, f] of Object.entries(smooth)) {
    test(`${name} equals the cpu's, and its gradient`, async () => {
      for (const shape of shapes) {
        await compareWithCpu(f as never, () => [values(shape as [number], name)], {
          allowed: name === "erf" ? 2e-6 : 4e-6,
        });
      }
    });
  }

  for (const [name, f] of Object.entries(rough)) {
    test(`${name} equals the cpu's`, async () => {
      for (const shape of shapes) {
        const make = () => [tf.tidy(() => spread(shape, name).mul(2))];
        await compareWithCpu(f as never, make, { allowed: 1e-6, gradients: false });
      }
    });
  }

  test("numbers at the edges give what the cpu gives, to 2 units in the last place", async () => {
    const all: Record<string, One> = { ...rough, sqrt: tf.sqrt, rsqrt: tf.rsqrt, log: tf.log, log1p: tf.log1p };
    Object.assign(all, { reciprocal: tf.reciprocal, exp: tf.exp, expm1: tf.expm1, sigmoid: tf.sigmoid, tanh: tf.tanh });
    Object.assign(all, { elu: tf.elu, softplus: tf.softplus, square: tf.square });
    for (const [name, f] of Object.entries(all)) {
      const [expected, got] = await both(() => f(tf.tensor1d(special)).dataSync());
      for (const [i, x] of special.entries()) near(got[i], expected[i], `${name}(${x})`);
    }
    const grid = special.flatMap((a) => special.map((b) => [a, b]));
    for (const [name, f] of Object.entries({ ...uneven, add: tf.add, sub: tf.sub, mul: tf.mul })) {
      const [left, right] = [0, 1].map((which) => grid.map((pair) => pair[which]));
      const [expected, got] = await both(() => f(tf.tensor1d(left), tf.tensor1d(right)).dataSync());
      for (const [i, pair] of grid.entries()) near(got[i], expected[i], `${name}(${pair.join(", ")})`);
    }
  });

  for (const [name, f] of Object.entries(arithmetic)) {
    test(`${name} equals the cpu's, and its gradients`, async () => {
      for (const [a, b] of pairs) {
        const make = () => [values(a as [number], "a"), values(b as [number], "b")];
        // tfjs's gradient of this one does not undo broadcasting.
        const gradients = f !== tf.squaredDifference || String(a) === String(b);
        await compareWithCpu(f as never, make, { allowed: 1e-4, gradients });
      }
    });
  }

  for (const [name, f] of Object.entries(uneven)) {
    test(`${name} equals the cpu's`, async () => {
      for (const [a, b] of pairs) {
        if (name === "prelu" && b.length < a.length) continue;
        await compareWithCpu(f as never, () => [spread(a, "a"), spread(b, "b")], { allowed: 1e-6, gradients: false });
      }
    });
  }

  test("gradients equal finite differences", async () => {
    await chooseBackend("onednn");
    for (const f of Object.values(smooth)) tf.tidy(() => checkGradient(f as never, [values([2, 3], "x")]));
    for (const f of Object.values(arithmetic)) {
      for (const [a, b] of [
        [[1, 2, 1, 17], [17]],
        [
          [2, 1, 2, 3],
          [2, 1, 2, 3],
        ],
        [
          [3, 2],
          [3, 1],
        ],
      ]) {
        if (f === tf.squaredDifference && String(a) !== String(b)) continue;
        tf.tidy(() =>
          checkGradient(f as never, [values(a as [number], "a"), values(b as [number], "b")], { allowed: 0.02 }),
        );
      }
    }
  });

  test("large tensors, which both threads share, in every broadcast", async () => {
    for (const [a, b] of [
      [[70000], [70000]],
      [[70000], []],
      [[4000, 17], [17]],
      [
        [4000, 17],
        [4000, 1],
      ],
      [[300, 300], [300]],
      [
        [3, 90, 90, 7],
        [3, 1, 1, 7],
      ],
      [[2, 40, 41, 33], [33]],
      [
        [2, 40, 41, 33],
        [2, 40, 41, 1],
      ],
    ]) {
      const make = () => [values(a as [number], "a"), values(b as [number], "b")];
      await compareWithCpu(tf.sub as never, make, { gradients: false });
      await compareWithCpu(((a: tf.Tensor, b: tf.Tensor) => tf.sub(b, a)) as never, make, { gradients: false });
    }
  });

  test("where, with conditions of the same shape, repeated, and of rank 1", async () => {
    const choose = (c: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.where(tf.cast(c, "bool"), a, b);
    for (const shape of [...shapes, [100, 200]]) {
      const make = () => ["c", "a", "b"].map((key) => spread(shape, key));
      await compareWithCpu(choose as never, make, { gradients: false });
    }
    const repeated = () => [spread([3, 1], "c"), spread([3, 5], "a"), spread([3, 5], "b")];
    await compareWithCpu(choose as never, repeated, { gradients: false });
    // tfjs's own kernel takes wrong rows here, which tf.where never asks it for.
    await chooseBackend("onednn");
    const [t, e] = [spread([3, 2, 5], "a"), spread([3, 2, 5], "b")];
    const condition = tf.tensor1d([1, 0, 1], "bool");
    const chosen = tf.engine().runKernel(tf.Select, { condition, t, e }) as tf.Tensor;
    const expected = [0, 1, 2].map((i) => tf.slice([t, e, t][i], i, 1));
    assert.deepEqual(chosen.dataSync(), tf.concat(expected).dataSync());
  });

  test("addN adds in order, in one pass", async () => {
    for (const shape of shapes) {
      for (const count of [1, 2, 3]) {
        const make = () => Array.from({ length: count }, (_, i) => values(shape as [number], i));
        await compareWithCpu(((...all: tf.Tensor[]) => tf.addN(all)) as never, make, { allowed: 1e-6 });
      }
    }
  });

  test("maps stay blocked through functions, with a bias, a number, or plain maps", async () => {
    await chooseBackend("onednn");
    const x = blocked(values([2, 3, 3, 20], "x"));
    const plain = values([2, 3, 3, 20], "plain");
    for (const y of [
      tf.sigmoid(x),
      tf.add(x, values([20], "bias")),
      tf.mul(x, 0.5),
      tf.sub(plain, x),
      tf.where(tf.greater(x, 0), x, plain),
      tf.addN([plain, x, plain]),
      tf.zerosLike(x),
    ]) {
      assert.equal(engine().form(y), "blocked");
    }
    assert.equal(engine().form(tf.add(values([2, 3, 3, 20], "other"), values([20], "bias"))), "plain");
  });

  test("other types are left to tfjs", async () => {
    await compareWithCpu(((a: tf.Tensor, b: tf.Tensor) => tf.add(a, b)) as never, whole, { gradients: false });
    await compareWithCpu(
      ((a: tf.Tensor, b: tf.Tensor) => tf.add(tf.cast(a, "float32"), tf.div(b, 3))) as never,
      whole,
      {
        allowed: 1e-6,
        gradients: false,
      },
    );
    await compareWithCpu(((a: tf.Tensor) => tf.mul(tf.cast(a, "bool"), tf.scalar(0.5))) as never, whole, {
      gradients: false,
    });
    await compareWithCpu((() => tf.fill([3, 5], 2.5)) as never, () => [], { gradients: false });
    await compareWithCpu((() => tf.fill([3, 5], 2, "int32")) as never, () => [], { gradients: false });
  });

  test("wrong native calls throw and do nothing", async () => {
    await chooseBackend("onednn");
    const { native } = engine();
    const x = native.allocate(8);
    const gone = native.allocate(8);
    native.release(gone);
    const huge = 2 ** 40;
    const wrong: [RegExp, () => void][] = [
      [/no function Nonsense/, () => native.unary("Nonsense", x, x, 8, 0, 0)],
      [/x has 8 floats, expected 9/, () => native.unary("Exp", x, x, 9, 0, 0)],
      [/floats is NaN|floats is nan/, () => native.unary("Exp", x, x, Number.NaN, 0, 0)],
      [/floats is -1/, () => native.unary("Exp", x, x, -1, 0, 0)],
      [/argument q is missing/, () => (native.unary as (...all: unknown[]) => void)("Exp", x, x, 8, 0)],
      [/buffer/, () => native.unary("Exp", gone, x, 8, 0, 0)],
      [/x is not a buffer/, () => native.unary("Exp", {} as never, x, 8, 0, 0)],
      [/function is not a string/, () => native.unary(3 as never, x, x, 8, 0, 0)],
      [/a has 8 floats, expected 9/, () => native.binary("Add", x, x, x, [3, 3], [3, 1], [0, 1])],
      [/y has 8 floats, expected 9/, () => native.binary("Add", x, x, x, [3, 3], [0, 1], [0, 1])],
      [/a has 8 floats/, () => native.binary("Add", x, x, x, [2, 2], [huge, 1], [2, 1])],
      [/2\^40/, () => native.binary("Add", x, x, x, [huge, 2], [0, 1], [0, 1])],
      [/2\^40/, () => native.binary("Add", x, x, x, [3, 2], [huge, 1], [0, 1])],
      [/sizes has an entry 0/, () => native.binary("Add", x, x, x, [0, 2], [2, 1], [2, 1])],
      [/entry nan/, () => native.binary("Add", x, x, x, [2, 2], [Number.NaN, 1], [2, 1])],
      [/1 and 2 strides for 2 axes/, () => native.binary("Add", x, x, x, [2, 2], [1], [2, 1])],
      [/at most 8/, () => native.binary("Add", x, x, x, Array(9).fill(1), Array(9).fill(0), Array(9).fill(0))],
      [/not 0 or 1/, () => native.binary("Add", x, x, x, [2], [2], [1])],
      [/condition has 8 floats/, () => native.select(x, x, x, x, 9, 1)],
      [/a has 8 floats/, () => native.select(x, x, x, x, 3, 3)],
      [/2\^40/, () => native.select(x, x, x, x, huge, huge)],
      [/no inputs/, () => native.addAll([], x, 8)],
      [/inputs has 8 floats/, () => native.addAll([x], x, 9)],
      [/y has 8 floats/, () => native.fill(x, 9, 0)],
      [/value is not a number/, () => native.fill(x, 8, "1" as never)],
    ];
    for (const [message, call] of wrong) assert.throws(call, message, String(call));
    native.release(x);
  });
});

const whole = () => [tf.tensor1d([1, -2, 0], "int32"), tf.tensor1d([5, 7, 9], "int32")];

async function both<T>(compute: () => T): Promise<[T, T]> {
  await chooseBackend("cpu");
  const expected = tf.tidy(compute as never) as T;
  await chooseBackend("onednn");
  return [expected, tf.tidy(compute as never) as T];
}

/** Equal to 2.5 units in the last place; both signs of 0 are one. */
function near(got: number, expected: number, where: string): void {
  const same = Object.is(got, expected) || got === expected;
  const allowed = Math.max(Math.abs(expected) * 2.5 * 2 ** -23, 2 ** -148);
  assert.ok(same || Math.abs(got - expected) <= allowed, `${where}: ${got}, the cpu gives ${expected}`);
}
