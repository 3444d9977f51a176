import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { sliceTime } from "#src/datasets/sliceTime";
import { networkForecaster, readClip, toClip } from "#src/evaluate";
import { model } from "#src/models";
import { random } from "#src/random";
import { predict } from "#src/rollout";
import { streamForecasts } from "#src/stream";
import type { Sequences } from "#src/types";
import { backends } from "./gradient";

const frame = { height: 8, width: 8, channels: 1 };
const networks = ["MS-ConvLSTM", "MS-PredRNN", "MIM"].map((name) => model(name, { filters: 4, frame }));
const [network] = networks;

function clipOf(batch: number, time: number): Sequences {
  const draw = random("stream", batch, time);
  return { data: Float32Array.from({ length: batch * time * 64 }, draw), shape: [batch, time, 8, 8, 1] };
}

async function predicted(
  which: typeof network,
  params: ReturnType<typeof which.init>,
  seen: Sequences,
  horizon: number,
) {
  const clip = toClip(seen);
  const forecast = predict(which, params, clip, horizon);
  const read = await readClip(forecast);
  tf.dispose([clip, forecast]);
  return read;
}

for (const backend of backends) {
  for (const which of networks) {
    test(`${which.name} on ${backend}: at any moment what predict gives for all frames, to the last bit`, async () => {
      await chooseBackend(backend);
      const params = which.init(1);
      const clip = clipOf(2, 5);
      const stream = streamForecasts(which, params);
      for (let t = 0; t < 5; t++) {
        await stream.push(sliceTime(clip, t, t + 1));
        assert.equal(stream.frames, t + 1);
        const seen = sliceTime(clip, 0, t + 1);
        for (const horizon of [4, 1]) {
          const { data, shape } = await stream.forecast(horizon);
          const expected = await predicted(which, params, seen, horizon);
          assert.deepEqual([shape, data], [[2, horizon, 8, 8, 1], expected.data]);
        }
      }
      const recorded = networkForecaster(which, params);
      const whole = await recorded(clip, 4);
      assert.deepEqual((await stream.forecast(4)).data, sliceTime(whole, 4).data);
      recorded.dispose();
      await stream.dispose();
    });
  }

  test(`on ${backend} memory is the same after any number of frames, and nothing stays`, async () => {
    await chooseBackend(backend);
    const params = network.init(1);
    const first = tf.memory();
    const stream = streamForecasts(network, params);
    const { data } = clipOf(1, 1);
    const held: number[][] = [];
    for (let t = 0; t < 12; t++) {
      await stream.push(data);
      if (t % 3 === 0) await stream.forecast(3);
      const { numTensors, numBytes } = tf.memory();
      held.push([numTensors, numBytes]);
    }
    for (const now of held) assert.deepEqual(now, held[0]);
    assert.ok(held[0][0] > first.numTensors);
    await stream.reset();
    assert.equal(tf.memory().numTensors, first.numTensors);
    await stream.push(data);
    await stream.dispose();
    await stream.dispose();
    assert.equal(tf.memory().numTensors, first.numTensors);
  });
}

test("many frames at once are the same as one after another; calls are carried out in their order", async () => {
  await chooseBackend("wasm");
  const params = network.init(1);
  const clip = clipOf(1, 4);
  const stream = streamForecasts(network, params);
  const given = clip.data.slice();
  const calls = [stream.push({ ...clip, data: given }), stream.forecast(2), stream.reset()] as const;
  // The numbers were copied: what becomes of the caller's does not matter.
  given.fill(0);
  await calls[2];
  assert.deepEqual((await calls[1]).data, (await predicted(network, params, clip, 2)).data);
  assert.equal(stream.frames, 0);
  // After a reset other clips may come, and nothing is left of the earlier ones.
  const pair = clipOf(2, 2);
  for (let t = 0; t < 2; t++) await stream.push(sliceTime(pair, t, t + 1));
  assert.deepEqual((await stream.forecast(1)).data, (await predicted(network, params, pair, 1)).data);
  await stream.dispose();
});

test("wrong calls are refused in one line, and the stream goes on", async () => {
  await chooseBackend("wasm");
  const params = network.init(1);
  const stream = streamForecasts(network, params);
  const refuse = (call: Promise<unknown>, message: string | RegExp) =>
    assert.rejects(call, { name: "UserError", message });
  await refuse(stream.forecast(1), "nothing to forecast from: expected a frame first, got none");
  await refuse(stream.push(new Float32Array(65)), "pushed frame has 65 values, expected 8 x 8 x 1 = 64 (MS-ConvLSTM)");
  const wide: Sequences = { data: new Float32Array(72), shape: [1, 1, 8, 9, 1] };
  await refuse(stream.push(wide), "pushed clip has frames of 8x9, but the model was built for 8x8 (MS-ConvLSTM)");
  await refuse(stream.push({ ...wide, shape: [1, 0, 8, 8, 1] }), "pushed clip has no frames, expected at least 1");
  await refuse(stream.push({ ...wide, shape: [1, 1, 8, 8, 1] }), /72 values do not fill the shape \[1, 1, 8, 8, 1\]/);
  const holed = new Float32Array(64).fill(Number.NaN, 9, 10);
  await refuse(
    stream.push(holed),
    "pushed clip: expected finite values, got NaN at clip 0, frame 0, row 1, column 1, channel 0",
  );
  const clip = clipOf(1, 2);
  await stream.push(sliceTime(clip, 0, 1));
  await refuse(stream.push(clipOf(2, 1)), "frames of 2 clips were pushed, expected 1 like those before");
  for (const horizon of [0, 1.5, Number.NaN])
    await refuse(stream.forecast(horizon), `horizon is ${horizon}, expected a whole number from 1`);
  await stream.push(sliceTime(clip, 1, 2));
  assert.equal(stream.frames, 2);
  assert.deepEqual((await stream.forecast(2)).data, (await predicted(network, params, clip, 2)).data);
  await stream.dispose();
  const ended = "the stream was disposed: nothing can be pushed or forecast any more";
  for (const call of [() => stream.push(clip.data), () => stream.forecast(1), () => stream.reset()])
    await refuse(call(), ended);
});

if (backends.includes("onednn")) {
  test("a recorded step is one program for the first frame and one for all others", async () => {
    await chooseBackend("onednn");
    const fallbacks: string[] = [];
    let steps = 0;
    const watched: typeof network = {
      ...network,
      step(...given) {
        steps++;
        return network.step(...given);
      },
    };
    const stream = streamForecasts(watched, network.init(1), { onFallback: (reason) => fallbacks.push(reason) });
    const { data } = clipOf(1, 1);
    await stream.push(data);
    await stream.push(data);
    const recording = steps;
    for (let t = 0; t < 5; t++) await stream.push(data);
    await stream.forecast(5);
    assert.deepEqual([steps, fallbacks], [recording, []]);
    await stream.dispose();
  });
}
