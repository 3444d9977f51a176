import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { Native } from "#src/backend/onednn/native";
import { gruGates, highway, lstmGates, memoryAndOutput, memoryGates, outputGate } from "#src/ops/gates";
import { values } from "../../gradient";
import { blocked, compareWithCpu, engine, type Operation, skip } from "./forms";

const operations: [name: string, gates: number[], run: Operation][] = [
  ["lstmGates", [4, 1], (z, c) => lstmGates(z, c)],
  ["memoryGates", [3, 1], (z, m) => memoryGates(z, m)],
  ["memoryGates of tanh", [3, 1], (z, m) => memoryGates(z, m, { memory: "tanh" })],
  ["memoryAndOutput", [4, 1], (z, m) => memoryAndOutput(z, m)],
  ["memoryAndOutput, kept", [4, 1], (z, m) => memoryAndOutput(z, m, { forget: "none" })],
  ["outputGate", [1, 1], (o, u) => outputGate(o, u)],
  ["outputGate of tanh", [1, 1], (o, u) => outputGate(o, u, { gate: "tanh" })],
  ["gruGates", [3, 3, 1], (zx, zh, h) => gruGates(zx, zh, h)],
  ["gruGates, leaky", [3, 3, 1], (zx, zh, h) => gruGates(zx, zh, h, { activation: "leaky" })],
  ["highway", [2, 1], (ps, z) => highway(ps, z)],
];

describe("gates on the engine", { skip }, () => {
  beforeEach(async () => {
    await chooseBackend("onednn");
  });

  for (const [name, gates, run] of operations) {
    test(`${name}: as on the cpu, in odd sizes and every mix of forms`, async () => {
      for (const channels of [1, 3, 16, 17, 32, 48]) {
        for (const [batch, height, width] of [
          [1, 1, 1],
          [5, 3, 2],
        ]) {
          const make = () =>
            gates.map((n, i) => values<tf.Rank.R4>([batch, height, width, n * channels], `${name} ${i}`));
          await compareWithCpu(run, make, { allowed: 2e-6 });
        }
      }
    });
  }

  test("maps that all threads share", async () => {
    for (const channels of [7, 32]) {
      const make = () => [4, 1].map((n, i) => values<tf.Rank.R4>([2, 23, 31, n * channels], i));
      await compareWithCpu((z, c) => lstmGates(z, c), make, { allowed: 2e-6 });
    }
  });

  test("NaN stays NaN, and infinities and large numbers give the limits", async () => {
    const edges = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      1e30,
      -1e30,
      100,
      -100,
      0,
      -0,
      1e-40,
    ];
    for (const [name, gates, run] of operations) {
      // Activation of infinity times another sum would be NaN in one order of operations and not in another.
      const finite = name.startsWith("gru")
        ? edges.filter((edge) => Math.abs(edge) <= 100 || Number.isNaN(edge))
        : edges;
      const pre = (n: number) => {
        const size = finite.length ** 2 * n * 16;
        const at = (i: number) =>
          finite[Math.floor(i / 16) % 2 === 0 ? i % finite.length : (7 * i + 3) % finite.length];
        return tf.tensor4d(
          Float32Array.from({ length: size }, (_, i) => at(i)),
          [1, finite.length, finite.length, n * 16],
        );
      };
      const make = () =>
        gates.map((n, i) => (i > 0 && n === 1 ? values<tf.Rank.R4>([1, finite.length, finite.length, 16]) : pre(n)));
      await compareWithCpu(run, make, { allowed: 2e-6, gradients: false });
    }
  });

  test("blocked maps stay blocked where a gate has whole blocks", () => {
    const form = (channels: number) =>
      engine().form(lstmGates(blocked(values([1, 2, 2, 4 * channels])), values([1, 2, 2, channels]))[1]);
    assert.equal(form(32), "blocked");
    assert.equal(form(8), "plain");
    assert.equal(engine().form(outputGate(values([1, 2, 2, 8]), blocked(values([1, 2, 2, 8])))), "blocked");
  });

  test("results may lie where inputs of their size do", () => {
    const native = engine().native;
    const [outer, inner] = [5, 48];
    const floats = outer * inner;
    const filled = (gates: number, key: string) => {
      const buffer = native.allocate(gates * floats);
      native.write(buffer, values([gates * floats], key).dataSync() as Float32Array);
      return buffer;
    };
    type Run = (inputs: number[], outputs: number[]) => void;
    // Sizes of inputs and outputs in gates, and for each output the input in whose place it may lie.
    const cases: [inputs: number[], outputs: number[], homes: number[], run: Run][] = [
      [[4, 1], [1, 1], [1, -1], (x, y) => native.lstmGates(outer, inner, x[0], x[1], y[0], y[1])],
      [[4, 1], [1, 1], [-1, 1], (x, y) => native.lstmGates(outer, inner, x[0], x[1], y[0], y[1])],
      ...[1, 2, 3].map((home): [number[], number[], number[], Run] => [
        [4, 1, 1, 1],
        [4, 1],
        [0, home],
        (x, y) => native.lstmGatesGradient(outer, inner, x[0], x[1], x[2], x[3], y[0], y[1]),
      ]),
      [[4, 1], [1, 1], [1, -1], (x, y) => native.memoryGates(outer, inner, true, true, true, ...x, ...y)],
      ...[1, 2, 3].map((home): [number[], number[], number[], Run] => [
        [4, 1, 1, 1],
        [4, 1],
        [0, home],
        (x, y) => native.memoryGatesGradient(outer, inner, true, true, true, x[0], x[1], y[0], y[1], x[2], x[3]),
      ]),
      [[1, 1], [1], [0], (x, y) => native.outputGate(floats, false, x[0], x[1], y[0])],
      ...[
        [0, 1],
        [1, 0],
        [2, 0],
        [1, 2],
      ].map((homes): [number[], number[], number[], Run] => [
        [1, 1, 1],
        [1, 1],
        homes,
        (x, y) => native.outputGateGradient(floats, false, x[0], x[1], x[2], y[0], y[1]),
      ]),
      [[3, 3, 1], [1], [2], (x, y) => native.gruGates(outer, inner, false, 0.2, x[0], x[1], x[2], y[0])],
      ...[
        [0, 1, 2],
        [1, 0, 3],
      ].map((homes): [number[], number[], number[], Run] => [
        [3, 3, 1, 1],
        [3, 3, 1],
        homes,
        (x, y) => native.gruGatesGradient(outer, inner, true, 0.2, x[0], x[1], x[2], x[3], y[0], y[1], y[2]),
      ]),
      [[2, 1], [1], [1], (x, y) => native.highway(outer, inner, x[0], x[1], y[0])],
      ...[1, 2].map((home): [number[], number[], number[], Run] => [
        [2, 1, 1],
        [2, 1],
        [0, home],
        (x, y) => native.highwayGradient(outer, inner, x[0], x[1], x[2], y[0], y[1]),
      ]),
    ];
    for (const [which, [inputs, outputs, homes, run]] of cases.entries()) {
      const compute = (shared: boolean): Float32Array[] => {
        const given = inputs.map((gates, i) => filled(gates, `${i}`));
        const own = outputs.map((gates) => filled(gates, "before"));
        const results = own.map((buffer, i) => (shared && homes[i] >= 0 ? given[homes[i]] : buffer));
        run(given, results);
        const read = results.map((buffer, i) => {
          const into = new Float32Array(outputs[i] * floats);
          native.read(buffer, into);
          return into;
        });
        for (const buffer of [...given, ...own]) native.release(buffer);
        return read;
      };
      assert.deepEqual(compute(true), compute(false), `case ${which}`);
    }
  });

  test("wrong calls of the native functions throw and do nothing", () => {
    const native = engine().native as Native & Record<string, (...args: unknown[]) => void>;
    const buffer = native.allocate(64);
    const small = native.allocate(63);
    const gone = native.allocate(64);
    native.release(gone);
    const wrong: [name: string, args: unknown[], message: RegExp][] = [
      ["lstmGates", [], /lstmGates: argument outer is missing/],
      ["lstmGates", [4, 4, buffer, buffer, buffer], /argument next is missing/],
      ["lstmGates", [0, 4, buffer, buffer, buffer, buffer], /outer is 0, expected a whole number from 1/],
      ["lstmGates", [4, Number.NaN, buffer, buffer, buffer, buffer], /inner is nan/],
      ["lstmGates", [4, 1.5, buffer, buffer, buffer, buffer], /inner is 1.5/],
      ["lstmGates", [2 ** 30, 2 ** 30, buffer, buffer, buffer, buffer], /more than 2\^40/],
      ["lstmGates", [4, 5, buffer, buffer, buffer, buffer], /z has 64 floats, expected 80/],
      ["lstmGates", [4, 4, buffer, "c", buffer, buffer], /c is not a buffer/],
      ["lstmGates", [4, 4, buffer, gone, buffer, buffer], /no buffer/],
      ["lstmGatesGradient", [4, 4, buffer, buffer, buffer, buffer, small, buffer], /dz has 63 floats, expected 64/],
      ["memoryGates", [4, 4, 1, true, true, buffer, buffer, buffer, buffer], /squash is not a boolean/],
      ["memoryGates", [4, 4, false, true, true, buffer, buffer, buffer], /argument o is missing/],
      ["memoryGates", [4, 4, false, true, true, small, buffer, buffer, buffer], /z has 63 floats, expected 64/],
      ["memoryGatesGradient", [4, 4, false, true, true, buffer, buffer, small, buffer, buffer, buffer], /dz has 63/],
      ["memoryGatesGradient", [8, 4, false, true, false, buffer, buffer, buffer, buffer, buffer], /z has 64 .* 96/],
      ["outputGate", [64, false, buffer, small, buffer], /u has 63 floats, expected 64/],
      ["outputGateGradient", [64, true, buffer, buffer, buffer, buffer, small], /du has 63 floats, expected 64/],
      ["outputGate", [2 ** 41, true, buffer, buffer, buffer], /floats is/],
      ["gruGates", [4, 4, true, "0.2", buffer, buffer, buffer, buffer], /slope is not a number/],
      ["gruGates", [8, 4, true, 0.2, buffer, buffer, buffer, buffer], /zx has 64 floats, expected 96/],
      ["gruGatesGradient", [4, 4, true, 0.2, buffer, buffer, buffer, buffer, buffer, buffer], /dh is missing/],
      ["highway", [8, 8, buffer, buffer, buffer], /ps has 64 floats, expected 128/],
      ["highwayGradient", [32, 2, buffer, buffer, buffer, small, buffer], /ps has 64 floats, expected 128/],
    ];
    const { buffers } = native.state();
    for (const [name, args, message] of wrong) assert.throws(() => native[name](...args), message);
    native.finish();
    assert.equal(native.state().buffers, buffers);
    native.release(buffer);
    native.release(small);
  });
});
