import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { GivenClip } from "#src/datasets/givenClips";
import { sliceTime } from "#src/datasets/sliceTime";
import { readClip, toClip } from "#src/evaluate";
import { fitClips, forecastClips } from "#src/forecastClips";
import { model } from "#src/models";
import { random } from "#src/random";
import { predict } from "#src/rollout";
import type { Sequences } from "#src/types";

const network = model("MS-ConvLSTM", { filters: 2, frame: { height: 8, width: 8, channels: 1 } });

function clipOf(name: string, time: number, height = 8, width = 8, channels = 1): GivenClip {
  const draw = random("forecast clips", time, height, width);
  const data = Float32Array.from({ length: time * height * width * channels }, draw);
  const shape = [time, height, width, channels] as const;
  return { name, where: `${name}.npy`, shape, read: async () => ({ data, shape: [1, ...shape] }) };
}

const given = [3, 2, 3, 5, 3].map((time, i) => clipOf(`${i}`, time));

test("clips of one length go together, and each forecast is the clip's own", async () => {
  await chooseBackend("wasm");
  const params = network.init(1);
  const before = tf.memory().numTensors;
  const names: string[] = [];
  for await (const { clip, context, forecast } of forecastClips(network, params, given, { horizon: 2, batch: 2 })) {
    names.push(clip.name);
    assert.deepEqual(context, await clip.read());
    const seen = toClip(context);
    const alone = predict(network, params, seen, 2);
    const expected = await readClip(alone);
    tf.dispose([seen, alone]);
    assert.deepEqual(forecast.shape, [1, 2, 8, 8, 1]);
    const error = Math.max(...forecast.data.map((value, i) => Math.abs(value - expected.data[i])));
    assert.ok(error < 1e-6, `${clip.name}: ${error}`);
  }
  assert.deepEqual(names, ["1", "0", "2", "4", "3"]);
  assert.equal(tf.memory().numTensors, before);
});

test("no more clips at once than asked for", async () => {
  await chooseBackend("wasm");
  const sizes: number[] = [];
  const watched: typeof network = {
    ...network,
    step(params, frame, state) {
      sizes.push(frame.shape[0]);
      return network.step(params, frame, state);
    },
  };
  const params = network.init(1);
  for await (const _ of forecastClips(watched, params, given, { horizon: 1, batch: 2 }));
  assert.deepEqual(sizes, [1, 1, ...[2, 2, 2], ...[1, 1, 1], ...[1, 1, 1, 1, 1]]);
});

test("a signal ends it after the clip in hand", async () => {
  await chooseBackend("wasm");
  const stopping = new AbortController();
  const before = tf.memory().numTensors;
  const params = network.init(1);
  const names: string[] = [];
  for await (const { clip } of forecastClips(network, params, given, { horizon: 1, signal: stopping.signal })) {
    names.push(clip.name);
    if (names.length === 2) stopping.abort();
  }
  assert.deepEqual(names, ["1", "0"]);
  tf.dispose(params as unknown as tf.TensorContainerObject);
  assert.equal(tf.memory().numTensors, before);
});

test("clips are cut to their last frames and resized where that is asked for; others are refused by name", async () => {
  const [last] = fitClips(network, [clipOf("a", 5)], { context: 2 });
  assert.deepEqual(last.shape, [2, 8, 8, 1]);
  assert.deepEqual(await last.read(), sliceTime(await clipOf("a", 5).read(), 3));
  const rows: Sequences = {
    data: Float32Array.from({ length: 2 * 16 * 24 }, (_, i) => Math.floor(i / 24)),
    shape: [1, 2, 16, 24, 1],
  };
  const large: GivenClip = { name: "b", where: "b.npy", shape: [2, 16, 24, 1], read: async () => rows };
  const [fitted] = fitClips(network, [large], { resize: true });
  const { data, shape } = await fitted.read();
  assert.deepEqual(
    [shape, fitted.shape],
    [
      [1, 2, 8, 8, 1],
      [2, 8, 8, 1],
    ],
  );
  // Of rows 0, 1, 2, ... each two are between 0.5, 2.5, ...; the second frame goes on with row 16.
  assert.deepEqual([data[0], data[8], data[63], data[64]], [0.5, 2.5, 14.5, 16.5]);
  const refuse = (clip: GivenClip, options: Parameters<typeof fitClips>[2], message: string) =>
    assert.throws(() => fitClips(network, [given[0], clip], options), { name: "UserError", message });
  const size = "b.npy: context has frames of 16x24, but the model was built for 8x8 (MS-ConvLSTM)";
  refuse(large, {}, size);
  refuse(given[1], { context: 3 }, "1.npy: has 2 frames, expected 3 at least to see the last 3");
  const channels = "c.npy: context has 3 channels, but the model was built for 1 (MS-ConvLSTM)";
  refuse(clipOf("c", 2, 16, 16, 3), { resize: true }, channels);
});
