import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { initMotionGru, motionGru } from "#src/cells/motionRnn";
import { model } from "#src/models";
import { random } from "#src/random";
import type { Frames } from "#src/types";
import { backends, distance, values } from "../gradient";

for (const backend of backends) {
  test(`${backend}: clean variants of the MotionGRU: without motion every pixel keeps its own channels`, async () => {
    await chooseBackend(backend);
    const [filters, quarter] = [8, 2];
    const params = initMotionGru(random(1), filters);
    const nothing = (part: { kernel: tf.Tensor4D; bias: tf.Tensor1D }) => ({
      kernel: tf.zerosLike(part.kernel),
      bias: tf.zerosLike(part.bias),
    });
    const still = {
      ...params,
      update: nothing(params.update),
      reset: nothing(params.reset),
      candidate: nothing(params.candidate),
      // Each of the nine motions counts in full, and those of one channel, 9c .. 9c + 8, are added up.
      weigh: { ...nothing(params.weigh), bias: tf.fill([9], 50) as tf.Tensor1D },
      decode: {
        kernel: tf.tensor4d(
          Array.from({ length: 9 * quarter * quarter }, (_, i) =>
            Math.floor(i / quarter / 9) === i % quarter ? 1 : 0,
          ),
          [1, 1, 9 * quarter, quarter],
        ),
        bias: tf.zeros<tf.Rank.R1>([quarter]),
      },
    };
    const h = values<tf.Rank.R4>([2, 6, 4, filters], "h");
    const zero = tf.zeros<tf.Rank.R4>([2, 3, 2, 18]);
    const clean = { alignment: "clean", rearrangement: "clean" } as const;
    const { X } = motionGru(still, h, { F: zero, D: zero }, clean);
    const e = tf.add(tf.conv2d(h, params.encode.kernel, 2, "valid"), params.encode.bias);
    const moved = tf.conv2dTranspose(tf.mul<Frames>(e, 9), params.enlarge.kernel, h.shape, 2, "same");
    const a = tf.add<Frames>(moved, params.enlarge.bias);
    const b = tf.sigmoid(tf.add(tf.conv2d(tf.concat([a, h], 3), params.fuse.kernel, 1, "same"), params.fuse.bias));
    assert.ok(distance(X, tf.add(tf.mul(b, h), tf.mul(tf.sub(1, b), a))) < 1e-5);
    assert.ok(distance(X, motionGru(still, h, { F: zero, D: zero }).X) > 1e-2, "the published code mixes them");
  });
}

test("the variants are options of the networks, and each changes what they forecast", async () => {
  await chooseBackend("cpu");
  const frame = { height: 8, width: 8, channels: 1 };
  const x = values<tf.Rank.R4>([1, 8, 8, 1], "x");
  const forecast = (name: string, options: object) => {
    const network = model(name, { filters: 4, frame, ...options });
    const params = network.init(1);
    let state = network.zeroState(1);
    for (let i = 0; i < 2; i++) ({ state } = network.step(params, x, state));
    return network.step(params, x, state).prediction;
  };
  for (const [name, options] of [
    ["TrajGRU", { alignment: "clean" }],
    ["MotionRNN", { alignment: "clean" }],
    ["MotionRNN", { rearrangement: "clean" }],
  ] as const) {
    assert.ok(distance(forecast(name, options), forecast(name, {})) > 1e-7, `${name} ${JSON.stringify(options)}`);
  }
});
