import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { OnednnBackend } from "#src/backend/onednn/backend";
import { enginePath } from "#src/backend/onednn/native";
import type { Form } from "#src/backend/onednn/storage";
import { checkGradient, values } from "../../gradient";

const skip = existsSync(enginePath()) ? false : "the engine is not built";

/** The same numbers in the form wanted, as an earlier convolution may have left them. */
function inForm(x: tf.Tensor4D, form: Form): tf.Tensor4D {
  if (form === "plain") return x;
  const backend = tf.backend() as unknown as OnednnBackend;
  const [batch, height, width, channels] = x.shape;
  const { info, buffer } = backend.output(x.shape, "blocked");
  backend.native.block(backend.buffer(x), buffer, batch, height * width, channels);
  return tf.engine().makeTensorFromTensorInfo(info, backend) as tf.Tensor4D;
}

interface Case {
  x: [number, number, number, number];
  kernel: [number, number, number, number];
  stride?: number;
  pad?: "same" | "valid" | number | [[number, number], [number, number], [number, number], [number, number]];
  dilation?: number;
}

const cases: Case[] = [];
for (const [inChannels, outChannels] of [
  [1, 3],
  [3, 17],
  [17, 1],
  [32, 48],
  [48, 32],
]) {
  for (const size of inChannels < 32 ? [1, 3, 5, 7] : [1, 3]) {
    cases.push({ x: [2, 6, 9, inChannels], kernel: [size, size, inChannels, outChannels] });
    cases.push({ x: [1, 1, 1, inChannels], kernel: [size, size, inChannels, outChannels] });
  }
  cases.push({ x: [5, 8, 6, inChannels], kernel: [2, 2, inChannels, outChannels], stride: 2, pad: "valid" });
  cases.push({ x: [1, 8, 12, inChannels], kernel: [4, 4, inChannels, outChannels], stride: 2 });
  // Enough tiles for Winograd's.
  cases.push({ x: [5, 11, 17, inChannels], kernel: [3, 3, inChannels, outChannels] });
  cases.push({ x: [1, 16, 16, inChannels], kernel: [3, 3, inChannels, outChannels], pad: "valid" });
}
// Large kernels, whose weights' gradient is taken from plain maps.
cases.push({ x: [1, 3, 36, 16], kernel: [5, 5, 16, 32] });
cases.push({ x: [2, 6, 9, 16], kernel: [7, 7, 16, 32] });
// In parts of 3x3: all passes, the weights' gradient alone, with uneven padding.
cases.push({ x: [3, 27, 25, 64], kernel: [5, 5, 64, 80] });
cases.push({ x: [2, 29, 31, 64], kernel: [7, 7, 64, 64], pad: "valid" });
cases.push({
  x: [2, 33, 30, 64],
  kernel: [4, 4, 64, 64],
  pad: [
    [0, 0],
    [1, 3],
    [0, 2],
    [0, 0],
  ],
});
cases.push({ x: [1, 9, 7, 4], kernel: [3, 3, 4, 5], dilation: 2 });
cases.push({ x: [1, 9, 7, 4], kernel: [3, 2, 4, 5], stride: 2, pad: 1 });
cases.push({
  x: [1, 9, 7, 4],
  kernel: [3, 3, 4, 5],
  pad: [
    [0, 0],
    [2, 0],
    [0, 3],
    [0, 0],
  ],
});
cases.push({ x: [2, 7, 7, 4], kernel: [2, 2, 4, 5], stride: 3, pad: "valid" });

/** Output and both gradients, read back. */
function everything({ x, kernel, stride = 1, pad = "same", dilation = 1 }: Case, forms: [Form, Form]): Float32Array[] {
  return tf.tidy(() => {
    const input = inForm(values<tf.Rank.R4>(x, "x"), forms[0]);
    const weights = values<tf.Rank.R4>(kernel, "k");
    const run = (a: tf.Tensor, b: tf.Tensor) =>
      tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, pad as "same", "NHWC", dilation) as tf.Tensor;
    const y = run(input, weights);
    const dy = inForm(values<tf.Rank.R4>(y.shape as [number, number, number, number], "dy"), forms[1]);
    const [dx, dw] = dilation === 1 ? tf.grads(run)([input, weights], dy) : [y, y];
    return [y, dx, dw].map((t) => t.dataSync() as Float32Array);
  });
}

const name = ({ x, kernel, stride, pad, dilation }: Case) =>
  `[${x}] by [${kernel}]${stride ? ` stride ${stride}` : ""}${pad ? ` pad ${JSON.stringify(pad)}` : ""}${dilation ? " dilated" : ""}`;

describe("convolutions on the engine", { skip }, () => {
  test("output and gradients are those of WebAssembly, in every mixture of forms", async () => {
    await chooseBackend("wasm");
    const expected = cases.map((one) => everything(one, ["plain", "plain"]));
    await chooseBackend("onednn");
    const mixtures: [Form, Form][] = [
      ["plain", "plain"],
      ["blocked", "plain"],
      ["plain", "blocked"],
      ["blocked", "blocked"],
    ];
    for (const [i, one] of cases.entries()) {
      for (const forms of mixtures) {
        for (const [k, got] of everything(one, forms).entries()) {
          const largest = expected[i][k].reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          for (const [at, value] of expected[i][k].entries()) {
            const error = Math.abs(got[at] - value) / Math.max(1, largest);
            assert.ok(
              error < 2e-5,
              `${name(one)}, ${forms}, ${["y", "dx", "dw"][k]}[${at}]: ${got[at]}, expected ${value}`,
            );
          }
        }
      }
    }
  });

  test("gradients agree with finite differences", async () => {
    await chooseBackend("onednn");
    for (const [x, kernel, stride] of [
      [[1, 1, 1, 1], [3, 3, 1, 17], 1],
      [[5, 3, 2, 3], [3, 3, 3, 1], 1],
      [[1, 4, 6, 17], [2, 2, 17, 3], 2],
      [[1, 13, 17, 16], [3, 3, 16, 16], 1],
    ] as const) {
      const inputs = [values<tf.Rank.R4>([...x], "x"), values<tf.Rank.R4>([...kernel], "k")];
      const small = x[3] < 16 || x[1] < 13;
      const run = (a: tf.Tensor, b: tf.Tensor) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, "same");
      if (small) checkGradient(run, inputs, { allowed: 2e-2 });
      else checkGradient((b) => run(inputs[0], b), [inputs[1]], { step: 0.05, allowed: 5e-2 });
    }
  });

  test("transposed convolution 4x4, stride 2, and its gradients", async () => {
    const run = (a: tf.Tensor, b: tf.Tensor) =>
      tf.conv2dTranspose(a as tf.Tensor4D, b as tf.Tensor4D, [2, 10, 6, 17], 2, "same");
    const all = () =>
      tf.tidy(() => {
        const inputs = [values([2, 5, 3, 32], "x"), values([4, 4, 17, 32], "k")];
        return [run(inputs[0], inputs[1]), ...tf.grads(run)(inputs)].map((t) => t.dataSync());
      });
    await chooseBackend("cpu");
    const expected = all();
    await chooseBackend("onednn");
    for (const [k, got] of all().entries()) {
      for (const [at, value] of expected[k].entries()) assert.ok(Math.abs(got[at] - value) < 1e-4, `${k}, ${at}`);
    }
  });

  test("a bias and an activation in the same operation", async () => {
    const all = () =>
      tf.tidy(() => {
        const x = values<tf.Rank.R4>([2, 8, 9, 16], "x");
        const filter = values<tf.Rank.R4>([3, 3, 16, 24], "k");
        const bias = values<tf.Rank.R1>([24], "b");
        return (["linear", "relu", "sigmoid", "elu", "leakyrelu"] as const).map((activation) =>
          tf.fused.conv2d({ x, filter, strides: 1, pad: "same", bias, activation, leakyreluAlpha: 0.3 }).dataSync(),
        );
      });
    await chooseBackend("cpu");
    const expected = all();
    await chooseBackend("onednn");
    for (const [k, got] of all().entries()) {
      for (const [at, value] of expected[k].entries()) assert.ok(Math.abs(got[at] - value) < 1e-4, `${k}, ${at}`);
    }
  });

  test("the same call gives the same bits", async () => {
    await chooseBackend("onednn");
    const once = () => everything({ x: [3, 12, 20, 32], kernel: [3, 3, 32, 48] }, ["blocked", "plain"]);
    assert.deepEqual(once(), once());
  });

  test("gradients of one kernel are added up before they are unpacked, and can be read at any time", async () => {
    await chooseBackend("onednn");
    const { native } = tf.backend() as unknown as OnednnBackend;
    const unpack = native.reorderWeights;
    let unpacked = 0;
    native.reorderWeights = (...args) => {
      unpacked++;
      unpack(...args);
    };
    try {
      for (const [channels, filters] of [
        [32, 48],
        [3, 17],
      ]) {
        const gradient = (name: string) => {
          const x = values<tf.Rank.R4>([3, 12, 20, channels], name);
          const dy = values<tf.Rank.R4>([3, 12, 20, filters], `${name} dy`);
          const attrs = { strides: 1, pad: "same", dataFormat: "NHWC", filterShape: [3, 3, channels, filters] };
          return tf.engine().runKernel("Conv2DBackpropFilter", { x, dy }, attrs) as tf.Tensor;
        };
        const before = native.state().buffers;
        tf.tidy(() => {
          const [a, b, c] = ["a", "b", "c"].map(gradient);
          unpacked = 0;
          const sum = tf.add(tf.add(a, b), c).dataSync();
          assert.equal(unpacked, 1);
          const parts = [a, b, c].map((part) => part.dataSync());
          assert.equal(unpacked, 4);
          for (const [i, value] of sum.entries()) {
            assert.equal(value, Math.fround(Math.fround(parts[0][i] + parts[1][i]) + parts[2][i]));
          }
          // One that has been read, and one that has not.
          assert.deepEqual([...tf.add(a, gradient("b")).dataSync()], [...tf.add(a, b).dataSync()]);
          assert.deepEqual([...tf.reshape(gradient("a"), [-1]).dataSync()], [...parts[0]]);
        });
        assert.equal(native.state().buffers, before);
      }
    } finally {
      native.reorderWeights = unpack;
    }
  });

  test("nothing is left in the pool", async () => {
    await chooseBackend("onednn");
    const { native } = tf.backend() as unknown as OnednnBackend;
    const before = native.state().buffers;
    everything({ x: [3, 12, 20, 32], kernel: [3, 3, 32, 48] }, ["blocked", "plain"]);
    assert.equal(native.state().buffers, before);
  });
});
