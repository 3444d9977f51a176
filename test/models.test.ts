import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { reportModel } from "#src/model";
import { cellFor, model, modelNames } from "#src/models";
import { fromPatches, toPatches } from "#src/ops/patches";
import { predict } from "#src/rollout";
import { leaves } from "#src/tree";
import type { Clip } from "#src/types";
import { fromReference, toReference } from "#src/weights/mapNames";
import { values } from "./gradient";

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

/** Parameters, those of them used, G MAC a step, millions of values that convolutions put out; the last two also of MS-. */
const published: [string, number, number, string, string, string, string][] = [
  ["TrajGRU", 1_915_705, 1_915_705, "7.833", "13.34", "65.1", "5.99"],
  ["PredRNN", 3_594_817, 3_594_817, "14.697", "27.00", "122.2", "11.96"],
  ["PredRNN++", 5_608_513, 4_869_953, "19.932", "15.47", "163.5", "6.72"],
  ["MIM", 7_361_473, 6_733_697, "30.099", "53.74", "250.2", "23.66"],
  ["MotionRNN", 7_560_547, 6_899_592, "30.452", "57.47", "253.1", "25.29"],
  ["PredRNN-V2", 3_598_977, 3_598_977, "14.899", "30.15", "123.9", "13.34"],
  ["PrecipLSTM", 7_041_217, 7_041_217, "28.790", "55.32", "239.3", "24.35"],
  ["CMS-LSTM", 4_483_393, 4_483_393, "24.663", "63.18", "205.0", "27.79"],
  ["MoDeRNN", 5_854_657, 5_854_657, "49.024", "36.44", "407.5", "16.09"],
  ["MK-LSTM", 7_576_897, 7_576_897, "31.005", "30.15", "257.7", "13.34"],
];

test("both counts of every network, as published and as used (SPEC section 4)", async () => {
  await chooseBackend("cpu");
  for (const [name, all, used, macs, outputs, multiMacs, multiOutputs] of published) {
    assert.equal(reportModel(model(name, { frame })).parameters, used, name);
    const complete = reportModel(model(name, { frame, complete: true }));
    assert.equal(complete.parameters, all, name);
    assert.equal((complete.macsPerStep / 1e9).toFixed(3), macs, name);
    assert.equal((complete.convolutionOutputs / 1e6).toFixed(2), outputs, name);
    const multiName = name === "MK-LSTM" ? "MS-LSTM" : `MS-${name}`;
    const multi = reportModel(model(multiName, { frame, complete: true }));
    assert.equal(multi.parameters, all, multiName);
    assert.equal(((multi.macsPerStep * 19) / 1e9).toFixed(1), multiMacs, multiName);
    assert.equal((multi.convolutionOutputs / 1e6).toFixed(2), multiOutputs, multiName);
  }
});

test("what is left out changes nothing: the same predictions with and without it", async () => {
  await chooseBackend("cpu");
  for (const name of ["MS-PredRNN++", "MS-MIM", "MotionRNN"]) {
    const options = { filters: 4, kernelSize: 3, frame: { height: 8, width: 8, channels: 1 } };
    const [used, complete] = [model(name, options), model(name, { ...options, complete: true })];
    const all = complete.init(1);
    const some = fromReference(used, toReference(complete, all));
    assert.ok(leaves(some).length < leaves(all).length, name);
    const context = values<tf.Rank.R5>([2, 3, 8, 8, 1]) as Clip;
    const [a, b] = [predict(used, some, context, 3), predict(complete, all, context, 3)].map((x) => x.dataSync());
    assert.deepEqual(a, b, name);
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
  const numbers = (seed: number) => leaves(network.init(seed)).flatMap(([, leaf]) => [...leaf.dataSync()]);
  assert.deepEqual(numbers(3), numbers(3));
  assert.notDeepEqual(numbers(3), numbers(4));
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
    assert.ok(cites.some(({ key }) => key !== "ma2022msrnn"));
  }
  assert.throws(() => model("LSTM", { frame }), {
    name: "UsageError",
    message: /unknown model: LSTM; expected one of ConvLSTM/,
  });
  assert.throws(() => cellFor("LSTM", {}), { name: "UsageError", message: /unknown cell: LSTM/ });
  assert.throws(() => model("MS-ConvLSTM", { frame: { ...frame, width: 62 } }), /divisible by 4/);
});

test("with patches a network is that of the patches' channels at a smaller size, and frames stay whole", async () => {
  await chooseBackend("cpu");
  const whole = model("MS-ConvLSTM", { filters: 3, patch: 2, frame: { height: 16, width: 8, channels: 2 } });
  const inner = model("MS-ConvLSTM", { filters: 3, frame: { height: 8, width: 4, channels: 8 } });
  const params = whole.init(1);
  const context = values<tf.Rank.R5>([2, 3, 16, 8, 2]) as Clip;
  const forecast = predict(whole, params, context, 3);
  assert.deepEqual(forecast.shape, [2, 3, 16, 8, 2]);
  const expected = fromPatches(predict(inner, inner.init(1), toPatches(context, 2), 3), 2);
  assert.deepEqual(forecast.dataSync(), expected.dataSync());
  assert.deepEqual(reportModel(whole), reportModel(inner));
  assert.equal(model("ConvLSTM", { frame }).patch, 1);
  assert.throws(() => model("ConvLSTM", { patch: 3, frame: { height: 16, width: 9, channels: 1 } }), {
    name: "UserError",
    message: "frames of 16x9 cannot be cut into patches of 3x3 pixels",
  });
  assert.throws(
    () => model("MS-ConvLSTM", { patch: 2, frame: { height: 16, width: 12, channels: 1 } }),
    /divisible by 4/,
  );
});
