import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { Cell } from "#src/cells/cell";
import { maxPool, upsample } from "#src/ops/resample";
import { random } from "#src/random";
import { stack } from "#src/stack";
import type { Frames, Tree } from "#src/types";
import { chain, multiScale, multiScaleUNet3Plus } from "#src/wiring";
import { distance, values } from "./gradient";

/** A cell one can follow by hand: h' = (layer + 1)·x + h/2. */
const plain = (layer: number): Cell => ({
  name: "plain",
  cites: { key: "none", title: "", authors: "", year: 0, checked: "no" },
  filters: 2,
  init: () => ({ factor: tf.scalar(layer + 1) }),
  zeroState: (batch, height, width) => ({ h: tf.zeros([batch, height, width, 2]) }),
  step({ factor }, { x }, { h }) {
    const next = tf.add<Frames>(tf.mul(factor as tf.Scalar, x), tf.mul(h as Frames, 0.5));
    return { h: next, state: { h: next } };
  },
  convolutions: () => [],
});

test("a chain of any cell adds up as by hand, over two steps", async () => {
  await chooseBackend("cpu");
  const network = stack(plain, chain(3));
  const params = network.init(random(1), 2);
  const x = values<tf.Rank.R4>([1, 2, 2, 2]);
  const first = network.step(params, x, network.zeroState(1, 2, 2));
  assert.ok(distance(first.h, tf.mul(x, 6)) < 1e-6);
  const second = network.step(params, x, first.state);
  // Layer by layer: 1 + 1/2; 2·1.5 + 2/2 = 4; 3·4 + 6/2 = 15.
  assert.ok(distance(second.h, tf.mul(x, 15)) < 1e-5);
});

test("multi-scale: any cell is pooled down, up-sampled, and given its skips", async () => {
  await chooseBackend("cpu");
  const network = stack(plain, multiScale);
  const state = network.zeroState(1, 8, 8);
  assert.deepEqual(
    Object.values(state).map((layer) => ((layer as Tree).h as Frames).shape[1]),
    [8, 4, 2, 2, 4, 8],
  );
  const x = values<tf.Rank.R4>([1, 8, 8, 2]);
  const { h, state: next } = network.step(network.init(random(1), 2), x, state);
  const h0 = x;
  const h1 = tf.mul(maxPool(h0, 2), 2) as Frames;
  const h2 = tf.mul(maxPool(h1, 2), 3) as Frames;
  const h3 = tf.mul(h2, 4) as Frames;
  const h4 = tf.mul(tf.add(upsample(h3, 2), h1), 5) as Frames;
  const h5 = tf.mul(tf.add(upsample(h4, 2), h0), 6) as Frames;
  assert.ok(distance(h, h5) < 1e-4);
  assert.ok(distance((next[3] as Tree).h as Frames, h3) < 1e-5);
});

test("scale 1 to 4 is one pooling, not two poolings by 2 of something else; layers share resampled frames", async () => {
  await chooseBackend("cpu");
  const network = stack(plain, multiScaleUNet3Plus);
  const x = values<tf.Rank.R4>([1, 8, 8, 2]);
  const { state } = network.step(network.init(random(1), 2), x, network.zeroState(1, 8, 8));
  const h0 = x;
  const h1 = tf.mul(maxPool(h0, 2), 2) as Frames;
  const h2 = tf.mul(maxPool(h1, 2), 3) as Frames;
  const h3 = tf.mul(tf.addN([maxPool(h0, 4), maxPool(h1, 2), h2]), 4);
  assert.ok(distance((state[3] as Tree).h as Frames, h3) < 1e-5);
});
