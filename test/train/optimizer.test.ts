import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { compile } from "#src/compile";
import {
  adam,
  adamRates,
  adamUpdate,
  adamUpdatePlain,
  adamW,
  clipByNorm,
  type Optimizer,
  type Slot,
  sgd,
} from "#src/train/optimizer";
import type { Tree } from "#src/types";
import { skip } from "../backend/onednn/forms";
import { backends, distance, values } from "../gradient";

const start = [1, -3, 0.5];
const gradients = [
  [0.5, -2, 1e-3],
  [-1.5, 0.25, 4],
  [0.75, 3, -0.125],
];
const decaying = { beta1: 0.8, beta2: 0.95, epsilon: 1e-6 };

/** The weights after each step, learning rate 0.1, by torch.optim of PyTorch 1.13.0a0 (Debian's 1.13.1), float32. */
const known: [name: string, optimizer: Optimizer, weights: number[][]][] = [
  [
    "Adam",
    adam(decaying),
    [
      [0.900000215, -2.9000001, 0.400099903],
      [0.954107463, -2.84671021, 0.322505295],
      [0.959368348, -2.88404775, 0.267927825],
    ],
  ],
  [
    "Adam(weight_decay=0.3)",
    adam({ weightDecay: 0.3 }),
    [
      [0.899999976, -2.9000001, 0.400000006],
      [0.92586875, -2.81891155, 0.323183268],
      [0.905578136, -2.80578566, 0.264239848],
    ],
  ],
  [
    "AdamW",
    adamW(),
    [
      [0.899000049, -2.89700007, 0.399501026],
      [0.947520018, -2.83684969, 0.32467109],
      [0.953693867, -2.86239028, 0.268835902],
    ],
  ],
  [
    "AdamW(weight_decay=0.3)",
    adamW({ ...decaying, weightDecay: 0.3 }),
    [
      [0.870000243, -2.81000018, 0.385099918],
      [0.898007512, -2.67241025, 0.29595232],
      [0.87632817, -2.62957549, 0.232496291],
    ],
  ],
  [
    "SGD",
    sgd(),
    [
      [0.949999988, -2.79999995, 0.499900013],
      [1.10000002, -2.82500005, 0.0999000072],
      [1.02499998, -3.125, 0.11240001],
    ],
  ],
  [
    "SGD(weight_decay=0.3)",
    sgd({ weightDecay: 0.3 }),
    [
      [0.920000017, -2.71000004, 0.484899998],
      [1.0424, -2.65370011, 0.070352979],
      [0.93612802, -2.874089, 0.080742389],
    ],
  ],
  [
    "SGD(momentum=0.9)",
    sgd({ momentum: 0.9 }),
    [
      [0.949999988, -2.79999995, 0.499900013],
      [1.05499995, -2.64499998, 0.0998100266],
      [1.07449996, -2.80550003, -0.247770965],
    ],
  ],
  [
    "SGD(momentum=0.9, nesterov=True, weight_decay=0.3)",
    sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.3 }),
    [
      [0.84799999, -2.44899988, 0.47130999],
      [1.01986396, -2.12200689, -0.327785701],
      [0.86180532, -2.32038188, -0.631812632],
    ],
  ],
];

const slotOf = (weight: tf.Tensor, { slots }: Optimizer): Slot => ({
  weight,
  ...Object.fromEntries(slots.map((name) => [name, tf.zerosLike(weight)])),
});

for (const backend of backends) {
  for (const [name, optimizer, weights] of known) {
    test(`${backend}: three steps of ${name} are PyTorch's, recorded where that can be`, async () => {
      await chooseBackend(backend);
      const lines: string[] = [];
      type Given = { gradient: tf.Tensor; rates: tf.Tensor1D };
      const step = compile(
        (state: Slot, { gradient, rates }: Given): { state: Slot; outputs: Tree } => ({
          state: optimizer.update(state, gradient, rates),
          outputs: {},
        }),
        { onFallback: (line) => lines.push(line) },
      );
      let slot = slotOf(tf.tensor1d(start), optimizer);
      for (const [i, expected] of weights.entries()) {
        const rates = tf.tensor1d(optimizer.rates(0.1, i + 1));
        slot = (await step.run(slot, { gradient: tf.tensor1d(gradients[i]), rates }))!.state;
        const far = distance(slot.weight, tf.tensor1d(expected));
        assert.ok(far < 3e-6, `step ${i + 1}: ${slot.weight.dataSync()}, expected ${expected}`);
      }
      assert.deepEqual(Object.keys(slot), ["weight", ...optimizer.slots]);
      if (backend === "onednn") assert.ok(step.program, String(lines));
      step.dispose();
    });
  }

  test(`${backend}: gradients are clipped as PyTorch does; shorter ones stay as they are`, async () => {
    await chooseBackend(backend);
    const given = [tf.tensor1d([3, -4]), tf.tensor2d([[12]])];
    const clipped = (most: number) => {
      const { gradients, norm } = clipByNorm(given, most);
      return [norm.dataSync()[0], ...gradients.flatMap((gradient) => [...gradient.dataSync()])];
    };
    assert.deepEqual(clipped(100), [13, 3, -4, 12]);
    // torch.nn.utils.clip_grad_norm_ of PyTorch 1.13.0a0, max_norm 1.
    for (const [i, expected] of [13, 0.230769217, -0.307692289, 0.923076868].entries()) {
      assert.ok(Math.abs(clipped(1)[i] - expected) < 1e-6, `${clipped(1)}`);
    }
  });
}

test("a weight without axes keeps its shape, and steps leave nothing behind", async () => {
  await chooseBackend("cpu");
  for (const [name, optimizer] of known) {
    const slot = slotOf(tf.scalar(2), optimizer);
    const rates = tf.tensor1d(optimizer.rates(0.1, 1));
    const gradient = tf.scalar(1);
    const before = tf.memory().numTensors;
    const next = optimizer.update(slot, gradient, rates);
    assert.deepEqual(next.weight.shape, [], name);
    assert.equal(tf.memory().numTensors, before + 1 + optimizer.slots.length, name);
  }
});

test("one pass gives the composed operations' numbers", { skip }, async () => {
  await chooseBackend("onednn");
  for (const shape of [[1], [3, 3, 5, 7], [40000]]) {
    const slot = () => slotOf(values(shape as [number], "w"), adam());
    let slots: Slot[] = [slot(), slot()];
    for (const iteration of [1, 2, 3]) {
      const gradient = values(shape as [number], iteration);
      const rates = tf.tensor1d(adamRates(0.1, iteration, decaying));
      slots = [adamUpdate, adamUpdatePlain].map((update, i) => update(slots[i], gradient, rates, decaying));
      for (const part of ["weight", "first", "second"] as const) {
        const far = distance(slots[0][part], slots[1][part]);
        assert.ok(far < 1e-6, `${part} after step ${iteration} differs by ${far}`);
      }
    }
    assert.ok(distance(slots[0].weight, values(shape as [number], "w")) > 0.01);
  }
  const rates = tf.tensor1d(adamRates(0.1, 1));
  assert.throws(() => adamUpdate(slotOf(tf.zeros([4]), adam()), tf.zeros([2, 2]), rates), /adamUpdate/);
});

test("the defaults are PyTorch's: 0.9, 0.999, 1e-8; 0.01 for AdamW's decay", async () => {
  await chooseBackend("cpu");
  assert.deepEqual(adamRates(0.01, 2), adamRates(0.01, 2, { beta1: 0.9, beta2: 0.999 }));
  assert.notDeepEqual(adamRates(0.01, 2), adamRates(0.01, 2, { beta1: 0.8 }));
  const slot = { weight: tf.scalar(1), first: tf.scalar(0.3), second: tf.scalar(1e-14) };
  const after = (optimizer: Optimizer) =>
    optimizer.update(slot, tf.scalar(1e-7), tf.tensor1d(optimizer.rates(0.01, 2))).weight.dataSync()[0];
  const named = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  assert.equal(after(adam()), after(adam({ ...named, weightDecay: 0 })));
  assert.equal(after(adamW()), after(adamW({ ...named, weightDecay: 0.01 })));
  assert.notEqual(after(adam()), after(adam({ epsilon: 1e-7 })));
  assert.notEqual(after(adamW()), after(adamW({ epsilon: 1e-7 })));
});

test("nesterov without momentum is a wrong call", () => {
  assert.throws(() => sgd({ nesterov: true }), { name: "UsageError", message: /momentum above 0, got 0/ });
});
