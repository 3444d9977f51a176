import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import {
  GRU_GATES,
  gruGates,
  gruGatesPlain,
  HIGHWAY,
  highway,
  highwayPlain,
  LSTM_GATES,
  lstmGates,
  lstmGatesPlain,
  MEMORY_GATES,
  memoryAndOutput,
  memoryAndOutputPlain,
  memoryGates,
  memoryGatesPlain,
  OUTPUT_GATE,
  outputGate,
  outputGatePlain,
} from "#src/ops/gates";
import type { Frames } from "#src/types";
import { backends, checkGradient, distance, values } from "../gradient";

const sigma = (x: number) => 1 / (1 + Math.exp(-x));
const pixel = (...channels: number[]) => tf.tensor4d(channels, [1, 1, 1, channels.length]);

type Gates = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/** Every operation: its fused kernel, how many gates each input has, the fused and the plain way. */
const operations: Record<string, { kernel: string; gates: number[]; fused: Gates; plain: Gates }> = {
  lstmGates: {
    kernel: LSTM_GATES,
    gates: [4, 1],
    fused: (z, c) => lstmGates(z, c),
    plain: (z, c) => lstmGatesPlain(z, c),
  },
  memoryGates: {
    kernel: MEMORY_GATES,
    gates: [3, 1],
    fused: (z, m) => memoryGates(z, m),
    plain: (z, m) => memoryGatesPlain(z, m),
  },
  memoryAndOutput: {
    kernel: MEMORY_GATES,
    gates: [4, 1],
    fused: (z, m) => memoryAndOutput(z, m),
    plain: (z, m) => memoryAndOutputPlain(z, m),
  },
  outputGate: {
    kernel: OUTPUT_GATE,
    gates: [1, 1],
    fused: (o, u) => outputGate(o, u),
    plain: (o, u) => outputGatePlain(o, u),
  },
  gruGates: {
    kernel: GRU_GATES,
    gates: [3, 3, 1],
    fused: (zx, zh, h) => gruGates(zx, zh, h),
    plain: (zx, zh, h) => gruGatesPlain(zx, zh, h),
  },
  highway: {
    kernel: HIGHWAY,
    gates: [2, 1],
    fused: (ps, z) => highway(ps, z),
    plain: (ps, z) => highwayPlain(ps, z),
  },
};
const inputsOf = (gates: number[], [batch, height, width, channels]: number[], scale = 1): tf.Tensor[] =>
  gates.map((n, i) => tf.mul(values<tf.Rank.R4>([batch, height, width, n * channels], i), scale));

/** What each option computes, for numbers with nothing special about them. */
const scalars: [name: string, run: () => tf.Tensor, expected: number][] = [
  ["h of the LSTM", () => lstmGates(pixel(0.5, -1, 2, 0.25), pixel(0.75))[0], sigma(0.25) * Math.tanh(cell(2))],
  ["c of the LSTM", () => lstmGates(pixel(0.5, -1, 2, 0.25), pixel(0.75))[1], cell(2)],
  ["a memory", () => memoryGates(pixel(0.5, -1, 2), pixel(0.75)), cell(2)],
  [
    "a memory through tanh",
    () => memoryGates(pixel(0.5, -1, 2), pixel(0.75), { memory: "tanh" }),
    sigma(-1) * Math.tanh(0.75) + sigma(0.5) * Math.tanh(2),
  ],
  [
    "a memory that is kept",
    () => memoryGates(pixel(0.5, -1, 2), pixel(0.75), { forget: "none" }),
    0.75 + sigma(0.5) * Math.tanh(2),
  ],
  [
    "a memory that is kept, through tanh",
    () => memoryGates(pixel(0.5, -1, 2), pixel(0.75), { memory: "tanh", forget: "none" }),
    Math.tanh(0.75) + sigma(0.5) * Math.tanh(2),
  ],
  ["a memory beside an output gate", () => memoryAndOutput(pixel(0.5, -1, 2, 0.25), pixel(0.75))[0], cell(2)],
  ["the output gate beside a memory", () => memoryAndOutput(pixel(0.5, -1, 2, 0.25), pixel(0.75))[1], 0.25],
  ["an output gate", () => outputGate(pixel(-0.5), pixel(2)), sigma(-0.5) * Math.tanh(2)],
  ["tanh as output gate", () => outputGate(pixel(-0.5), pixel(2), { gate: "tanh" }), Math.tanh(-0.5) * Math.tanh(2)],
  ["GRU", () => gruGates(pixel(0.5, -1, -2), pixel(0.1, 0.2, 0.3), pixel(3)), gru(Math.tanh)],
  ["leaky", () => leaky({}), gru((x) => 0.2 * x)],
  ["leaky of another slope", () => leaky({ slope: 0.1 }), gru((x) => 0.1 * x)],
  ["leaky, above 0", () => gruGates(pixel(0, 0, 2), pixel(0, 0, 0), pixel(0), { activation: "leaky" }), 1],
  ["highway", () => highway(pixel(0.5, -1), pixel(2)), sigma(-1) * Math.tanh(0.5) + (1 - sigma(-1)) * 2],
];

function cell(g: number): number {
  return sigma(-1) * 0.75 + sigma(0.5) * Math.tanh(g);
}
function gru(activation: (x: number) => number): number {
  const z = sigma(0.6);
  return (1 - z) * activation(-2 + sigma(-0.8) * 0.3) + z * 3;
}
function leaky(options: { slope?: number }): tf.Tensor {
  return gruGates(pixel(0.5, -1, -2), pixel(0.1, 0.2, 0.3), pixel(3), { activation: "leaky", ...options });
}

for (const backend of backends) {
  test(`${backend}: by hand, one pixel and one channel`, async () => {
    await chooseBackend(backend);
    for (const [name, run, expected] of scalars) {
      const got = run().dataSync()[0];
      assert.ok(Math.abs(got - expected) < 1e-6, `${name}: ${got}, expected ${expected}`);
    }
  });

  test(`${backend}: all outputs' gradients equal finite differences`, async () => {
    await chooseBackend(backend);
    for (const { gates, fused } of Object.values(operations)) {
      checkGradient((...inputs) => tf.concat([fused(...inputs)].flat(), 3), inputsOf(gates, [2, 2, 1, 3]));
    }
    // One output alone: the other's gradient is none.
    for (const which of [0, 1]) checkGradient((z, c) => lstmGates(z, c)[which], inputsOf([4, 1], [2, 2, 1, 3]));
  });

  test(`${backend}: gradients of the options equal finite differences`, async () => {
    await chooseBackend(backend);
    const inputs = inputsOf([3, 1], [2, 1, 3, 2]);
    for (const memory of ["identity", "tanh"] as const) {
      for (const forget of ["gate", "none"] as const) {
        checkGradient((z, m) => memoryGates(z, m, { memory, forget }), inputs);
        const four = inputsOf([4, 1], [1, 2, 1, 2]);
        checkGradient((z, m) => tf.concat(memoryAndOutput(z, m, { memory, forget }), 3), four);
      }
    }
    checkGradient((o, u) => outputGate(o, u, { gate: "tanh" }), inputsOf([1, 1], [1, 2, 3, 2]));
    // The candidate's argument lies away from 0, where the slope changes.
    const [zx, zh, h] = inputsOf([3, 3, 1], [2, 2, 1, 3]);
    const far = tf.add(zx, tf.mul(2, tf.sign(zx)));
    checkGradient(
      (...given) => gruGates(given[0], given[1], given[2], { activation: "leaky", slope: 0.3 }),
      [far, zh, h],
    );
  });

  test(`${backend}: without a forget gate its channels get no gradient at all`, async () => {
    await chooseBackend(backend);
    const [z, m] = inputsOf([3, 1], [1, 2, 2, 2]);
    const [dz] = tf.grads((a, b) => tf.sum(memoryGates(a, b, { forget: "none" })))([z, m]);
    const f = tf.split(dz, 3, 3)[1].dataSync();
    assert.ok(f.every((value) => value === 0));
  });

  test(`${backend}: the fused kernels equal the plain composition, gradients included, for large values too`, async () => {
    await chooseBackend(backend);
    for (const [name, { kernel, gates, fused, plain }] of Object.entries(operations)) {
      if (!tf.getKernel(kernel, backend)) continue;
      for (const scale of [1, 30]) {
        const inputs = inputsOf(gates, [2, 3, 4, 6], scale);
        const [a, b] = [fused, plain].map((f) => [f(...inputs)].flat());
        for (const [i, output] of a.entries()) assert.ok(distance(output, b[i]) < 1e-5, `${name}, output ${i}`);
        const objective =
          (f: Gates) =>
          (...given: tf.Tensor[]) =>
            tf.addN([f(...given)].flat().map((y, i) => tf.sum(tf.mul(y, values(y.shape, i))))) as tf.Scalar;
        const [da, db] = [fused, plain].map((f) => tf.grads(objective(f))(inputs));
        for (const [i, gradient] of da.entries()) {
          assert.ok(distance(gradient, db[i]) < 1e-6 * Math.max(scale, 5), `${name}, gradient ${i}, scale ${scale}`);
        }
      }
    }
  });

  test(`${backend}: vectors and sequences go as well as maps`, async () => {
    await chooseBackend(backend);
    const [z, c] = [values<tf.Rank.R2>([5, 28]), values<tf.Rank.R2>([5, 7])];
    const [h, next] = lstmGates(z, c);
    const [hPlain, nextPlain] = lstmGatesPlain(z, c);
    assert.ok(distance(h, hPlain) < 1e-6 && distance(next, nextPlain) < 1e-6);
    assert.deepEqual(highway(values([2, 3, 4, 2, 6]), values([2, 3, 4, 2, 3])).shape, [2, 3, 4, 2, 3]);
  });

  test(`${backend}: no tensor is left behind, neither by a kernel nor by its gradient`, async () => {
    await chooseBackend(backend);
    for (const [name, { kernel, gates, fused }] of Object.entries(operations)) {
      if (!tf.getKernel(kernel, backend)) continue;
      const inputs = inputsOf(gates, [1, 2, 2, 3]);
      const before = tf.memory();
      // Outside a tidy, so that what a kernel makes for itself counts.
      const outputs = [fused(...inputs)].flat();
      assert.equal(tf.memory().numTensors, before.numTensors + outputs.length, name);
      assert.equal(tf.memory().numDataBuffers, before.numDataBuffers + outputs.length, name);
      tf.dispose(outputs);
      tf.dispose(tf.grads((...given) => tf.sum(tf.concat([fused(...given)].flat(), 3)))(inputs));
      assert.equal(tf.memory().numTensors, before.numTensors, name);
      assert.equal(tf.memory().numDataBuffers, before.numDataBuffers, name);
    }
  });
}

test("wasm has fused LSTM gates, the engine all", async () => {
  await chooseBackend("wasm");
  assert.ok(tf.getKernel(LSTM_GATES, "wasm"));
  for (const { kernel } of Object.values(operations)) {
    if (backends.includes("onednn")) assert.ok(tf.getKernel(kernel, "onednn"), kernel);
  }
});

test("shapes that do not fit are refused", async () => {
  await chooseBackend("cpu");
  const wrong: [tf.Tensor, tf.Tensor][] = [
    [tf.zeros([2, 4, 4, 8]), tf.zeros([2, 4, 4, 3])],
    [tf.zeros([2, 4, 4, 8]), tf.zeros([2, 4, 2, 2])],
    [tf.zeros([2, 4, 4, 8]), tf.zeros([2, 4, 2])],
    [tf.zeros([8]), tf.scalar(1)],
  ];
  for (const [z, c] of wrong) {
    assert.throws(
      () => lstmGates(z as Frames, c as Frames),
      /lstmGates: expected gates of shape \[.*\] for a state of \[/,
    );
  }
  const state = tf.zeros([1, 2, 2, 3]);
  assert.throws(() => memoryGates(tf.zeros([1, 2, 2, 12]), state), /memoryGates: expected gates of shape \[1,2,2,9\]/);
  assert.throws(() => memoryAndOutput(tf.zeros([1, 2, 2, 9]), state), /expected gates of shape \[1,2,2,12\]/);
  assert.throws(() => outputGate(tf.zeros([1, 2, 2, 1]), state), /outputGate/);
  assert.throws(() => gruGates(tf.zeros([1, 2, 2, 9]), tf.zeros([1, 2, 2, 3]), state), /gruGates/);
  assert.throws(() => highway(tf.zeros([1, 2, 2, 9]), state), /highway/);
});
