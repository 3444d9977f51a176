import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { model } from "#src/models";
import { predict, teach } from "#src/rollout";
import { noSampling } from "#src/sampling";
import type { Clip } from "#src/types";
import { distance, values } from "./gradient";

const network = model("MS-ConvLSTM", { filters: 4, frame: { height: 8, width: 8, channels: 1 } });
const clipOf = (time: number, batch = 2) => values<tf.Rank.R5>([batch, time, 8, 8, 1]);
const maskOf = (batch: number, ...sees: number[]) => tf.tensor2d(Array(batch).fill(sees).flat(), [batch, sees.length]);
const evaluation = (context: number, batch: number, time: number) =>
  tf.tensor2d(
    noSampling({ context })(0, batch, time, () => 0),
    [batch, time - 2],
  );

test("predict gives what teach gives when it sees no truth after the context", async () => {
  await chooseBackend("wasm");
  const params = network.init(1);
  const clip = clipOf(7);
  const context = tf.slice(clip, [0, 0], [-1, 4]) as Clip;
  const taught = teach(network, params, clip, evaluation(4, 2, 7));
  assert.ok(distance(predict(network, params, context, 3, { warmUp: true }), taught) < 1e-6);
  const future = predict(network, params, context, 3);
  assert.deepEqual(future.shape, [2, 3, 8, 8, 1]);
  assert.ok(distance(future, tf.slice(taught, [0, 3])) < 1e-6);
});

test("predict cannot see the future: other future frames, same forecast; other context, another", async () => {
  await chooseBackend("wasm");
  const params = network.init(1);
  const clip = clipOf(6);
  const changed = tf.concat([tf.slice(clip, [0, 0], [-1, 4]), tf.zeros([2, 2, 8, 8, 1])], 1) as Clip;
  const mask = evaluation(4, 2, 6);
  assert.equal(distance(teach(network, params, clip, mask), teach(network, params, changed, mask)), 0);
  const seen = evaluation(5, 2, 6);
  assert.ok(distance(teach(network, params, clip, seen), teach(network, params, changed, seen)) > 0);
});

test("the mask replaces whole frames, sample by sample, at the right step", async () => {
  await chooseBackend("wasm");
  const params = network.init(1);
  const clip = clipOf(5);
  const all = teach(network, params, clip, maskOf(2, 1, 1, 1));
  const none = teach(network, params, clip, maskOf(2, 0, 0, 0));
  const late = teach(network, params, clip, maskOf(2, 1, 1, 0));
  const frame = (x: Clip, t: number) => tf.slice(x, [0, t], [-1, 1]);
  // The prediction at step t sees mask columns 0 .. t - 1.
  for (const t of [0, 1, 2]) assert.equal(distance(frame(late, t), frame(all, t)), 0);
  assert.ok(distance(frame(late, 3), frame(all, 3)) > 0);
  assert.equal(distance(frame(none, 0), frame(all, 0)), 0);
  assert.ok(distance(frame(none, 1), frame(all, 1)) > 0);
  const mixed = teach(network, params, clip, tf.tensor2d([1, 1, 1, 0, 0, 0], [2, 3]));
  assert.equal(distance(tf.slice(mixed, 0, 1), tf.slice(all, 0, 1)), 0);
  assert.equal(distance(tf.slice(mixed, 1, 1), tf.slice(none, 1, 1)), 0);
});

test("any context from one, any horizon; no tensor is left behind", async () => {
  await chooseBackend("wasm");
  const params = network.init(1);
  const one = clipOf(1, 1);
  predict(network, params, one, 2).dispose();
  const before = tf.memory().numTensors;
  const forecast = predict(network, params, one, 30);
  assert.deepEqual(forecast.shape, [1, 30, 8, 8, 1]);
  forecast.dispose();
  assert.equal(tf.memory().numTensors, before);
});

test("a longer horizon holds one more prediction a step, and nothing else", async () => {
  await chooseBackend("wasm");
  const params = network.init(1);
  const held: number[] = [];
  const watched: typeof network = {
    ...network,
    step(...given) {
      held.push(tf.memory().numTensors);
      return network.step(...given);
    },
  };
  predict(watched, params, clipOf(1, 1), 12).dispose();
  for (let t = 2; t < 12; t++) assert.equal(held[t] - held[t - 1], 1, `step ${t}`);
});

test("wrong clips are refused in one line", async () => {
  await chooseBackend("wasm");
  const params = network.init(1);
  const refuse = (run: () => unknown, message: string) => assert.throws(run, { name: "UserError", message });
  refuse(
    () => predict(network, params, tf.zeros<tf.Rank.R5>([1, 4, 8, 8, 3]), 1),
    "context has 3 channels, but the model was built for 1 (MS-ConvLSTM)",
  );
  refuse(
    () => teach(network, params, tf.zeros<tf.Rank.R5>([1, 4, 8, 12, 1]), maskOf(1, 1, 1)),
    "clip has frames of 8x12, but the model was built for 8x8 (MS-ConvLSTM)",
  );
  refuse(() => predict(network, params, clipOf(2), 0), "horizon is 0, expected a whole number from 1");
  refuse(() => predict(network, params, clipOf(2), 1.5), "horizon is 1.5, expected a whole number from 1");
  for (const wrong of [Number.NaN, -1, Number.POSITIVE_INFINITY])
    refuse(() => predict(network, params, clipOf(2), wrong), `horizon is ${wrong}, expected a whole number from 1`);
  refuse(() => predict(network, params, clipOf(0), 1), "context has no frames, expected at least 1");
  refuse(() => predict(network, params, clipOf(2, 0), 1), "context has no clips, expected at least 1");
  refuse(
    () => predict(network, params, tf.zeros([4, 8, 8, 1]) as unknown as Clip, 1),
    "context is [4, 8, 8, 1], expected [batch, time, height, width, channels]",
  );
  refuse(
    () => predict(network, params, tf.zeros<tf.Rank.R5>([1, 4, 12, 8, 1]), 1),
    "context has frames of 12x8, but the model was built for 8x8 (MS-ConvLSTM)",
  );
  refuse(
    () => teach(network, params, clipOf(1), maskOf(2)),
    "clip has 1 frame, expected at least 2 to predict one from another",
  );
  refuse(
    () => teach(network, params, clipOf(4), maskOf(2, 1)),
    "sampling mask is [2,1], expected [2, 2] (batch, time - 2)",
  );
});
