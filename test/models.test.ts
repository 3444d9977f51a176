import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { reportModel } from "#src/model";
import { cellFor, model, modelNames } from "#src/models";
import { leaves } from "#src/tree";

const frame = { height: 64, width: 64, channels: 1 };

test("parameters and operations at the paper's settings, to the last one (SPEC section 4)", async () => {
  await chooseBackend("cpu");
  const plain = reportModel(model("ConvLSTM", { frame }));
  assert.equal(plain.parameters, 1_772_737);
  assert.equal((plain.macsPerStep / 1e9).toFixed(3), "7.248");
  assert.equal(((plain.macsPerStep * 19) / 1e9).toFixed(1), "137.7");
  assert.equal((plain.convolutionOutputs / 1e6).toFixed(2), "12.85");
  assert.equal(plain.stateBytes, 6 * 2 * 64 * 64 * 64 * 4);
  assert.equal(plain.optimizerBytes, 12 * 1_772_737);
  for (const name of ["MS-ConvLSTM", "MS-ConvLSTM-WO-Skip", "MS-ConvLSTM-UNet3+", "MS-ConvLSTM-FC"]) {
    const multi = reportModel(model(name, { frame }));
    assert.equal(multi.parameters, 1_772_737);
    assert.equal((multi.macsPerStep / 1e9).toFixed(3), "3.171");
    assert.equal((multi.convolutionOutputs / 1e6).toFixed(2), "5.77");
  }
});

test("a report leaves no tensor behind", async () => {
  await chooseBackend("cpu");
  const before = tf.memory().numTensors;
  reportModel(model("MS-ConvLSTM", { filters: 4, frame }));
  assert.equal(tf.memory().numTensors, before);
});

test("options reach every layer, and a seed is all the start depends on", async () => {
  await chooseBackend("cpu");
  const network = model("MS-ConvLSTM", { filters: 8, kernelSize: 5, frame: { height: 8, width: 12, channels: 3 } });
  const shapes = Object.fromEntries(leaves(network.init(3)).map(([path, leaf]) => [path, leaf.shape]));
  assert.deepEqual(shapes["layers.5.kernel"], [5, 5, 16, 32]);
  assert.deepEqual(shapes["embed.kernel"], [1, 1, 3, 8]);
  assert.deepEqual(shapes["head.kernel"], [1, 1, 8, 3]);
  const values = (seed: number) => leaves(network.init(seed)).flatMap(([, leaf]) => [...leaf.dataSync()]);
  assert.deepEqual(values(3), values(3));
  assert.notDeepEqual(values(3), values(4));
  // Layers must not start alike.
  const layers = leaves(network.init(3)).filter(([path]) => path.endsWith("biasX"));
  assert.equal(new Set(layers.map(([, leaf]) => String(leaf.dataSync()))).size, 6);
});

test("names: all are built, all cite, unknown ones are refused with those there are", () => {
  for (const name of modelNames()) {
    const { cites } = model(name, { filters: 1, frame: { height: 8, width: 8, channels: 1 } });
    assert.equal(
      cites.some(({ key }) => key === "ma2022msrnn"),
      name.startsWith("MS-"),
    );
    assert.ok(cites.some(({ key }) => key === "shi2015convlstm"));
  }
  assert.throws(() => model("LSTM", { frame }), {
    name: "UsageError",
    message: /unknown model: LSTM; expected one of ConvLSTM/,
  });
  assert.throws(() => cellFor("LSTM", {}), { name: "UsageError", message: /unknown cell: LSTM/ });
  assert.throws(() => model("MS-ConvLSTM", { frame: { ...frame, width: 62 } }), /divisible by 4/);
});
