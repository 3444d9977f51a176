import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { loss } from "#src/loss";
import { model, modelNames } from "#src/models";
import { teach } from "#src/rollout";
import { leaves, unflatten } from "#src/tree";
import type { Clip } from "#src/types";
import { valueAndGradients } from "#src/valueAndGradients";
import { values } from "../../gradient";
import { skip } from "./forms";

/** Loss and gradients of all weights, over three steps of which one sees its own prediction. */
async function training(backend: string, name: string, filters: number, [batch, height, width]: number[]) {
  await chooseBackend(backend);
  return tf.tidy(() => {
    const network = model(name, { filters, frame: { height, width, channels: 1 }, window: 5, links: 3 });
    const params = network.init(1);
    const clip = values([batch, 4, height, width, 1] as never, "clip") as Clip;
    const mask = tf.tensor2d(Array.from({ length: batch }, () => [1, 0]).flat(), [batch, 2]);
    const named = leaves(params);
    const { value, gradients } = valueAndGradients(
      (...weights) => loss(teach(network, unflatten(params, weights), clip, mask), tf.slice(clip, [0, 1, 0, 0, 0])),
      named.map(([, leaf]) => leaf),
    );
    return {
      value: value.dataSync()[0],
      gradients: gradients.map((gradient, i) => [named[i][0], gradient.dataSync() as Float32Array] as const),
    };
  });
}

// The known answers have few filters. Here are more than a block of 16 channels, whole blocks and not, and maps that are not square.
describe("networks of other widths: the engine trains as WebAssembly does", { skip }, () => {
  for (const name of modelNames().filter((name) =>
    /^(MS-[^-]*(-LSTM|\+\+)?(-V2)?|MotionRNN|MIM|PrecipLSTM)$/.test(name),
  )) {
    test(name, async () => {
      // CMS-LSTM wants squares that can be cut into 4 x 4 tiles at every scale.
      const shape = /CMS/.test(name) ? [1, 16, 16] : [2, 8, 24];
      for (const filters of [48, 20]) {
        const [ours, theirs] = [
          await training("onednn", name, filters, shape),
          await training("wasm", name, filters, shape),
        ];
        assert.ok(Math.abs(ours.value - theirs.value) <= 1e-5 * theirs.value, `loss ${ours.value}, ${theirs.value}`);
        for (const [i, [weight, gradient]] of ours.gradients.entries()) {
          const expected = theirs.gradients[i][1];
          const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          const off = gradient.reduce((most, value, k) => Math.max(most, Math.abs(value - expected[k])), 0);
          assert.ok(off <= 2e-4 * largest + 1e-6, `${weight} with ${filters} filters: off by ${off} of ${largest}`);
        }
      }
    });
  }
});
