import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { Dataset } from "#src/datasets/dataset";
import { movingMnist } from "#src/datasets/movingMnist";
import { predict } from "#src/rollout";
import { validator } from "#src/train/validator";
import type { Clip } from "#src/types";
import { backends } from "../gradient";
import { network, noise } from "./tiny";

/** Seven clips of noise to validate with, none of another kind. */
const dataset: Dataset = {
  ...movingMnist({ profile: "small", size: 16, frames: 5 }),
  name: "noise",
  size: (split) => (split === "validation" ? 7 : 0),
  id: (_, index) => `${index}`,
  async sequences(_, indices) {
    const data = indices.flatMap((index) => [...noise(1, index).data]);
    return { data: Float32Array.from(data), shape: [indices.length, 5, 4, 4, 1] };
  },
};

/** By hand: squared errors of the frames after the context, summed over pixels. */
async function expected(seed: number, context: number, clips: number): Promise<number> {
  const { data, shape } = await dataset.sequences(
    "validation",
    Array.from({ length: clips }, (_, i) => i),
  );
  const all = tf.tensor5d(data, [...shape]) as Clip;
  const seen = tf.slice(all, [0, 0], [-1, context]) as Clip;
  const error = tf.sub(predict(network, network.init(seed), seen, 5 - context), tf.slice(all, [0, context]));
  return tf.sum(tf.square(error)).dataSync()[0] / clips / (5 - context);
}

for (const backend of backends) {
  test(`${backend}: the squared error of the horizon over the first validation clips, of the weights given`, async () => {
    await chooseBackend(backend);
    for (const [context, clips, batch] of [
      [2, undefined, 3],
      [3, 5, 2],
      [4, 100, undefined],
    ] as const) {
      const score = validator(network, dataset, { context, clips, batch });
      const params = [1, 2].map((seed) => network.init(seed));
      // Twice, because what was recorded for the first weights is used for the others.
      for (const [i, weights] of params.entries()) {
        const [found, known] = [await score(weights), await expected(i + 1, context, Math.min(clips ?? 7, 7))];
        assert.ok(Math.abs(found / known - 1) < 1e-5, `${found}, expected ${known}`);
      }
      const before = tf.memory().numTensors;
      assert.equal(await score(params[0]), await score(params[0]));
      assert.equal(tf.memory().numTensors, before);
      score.dispose();
    }
  });
}

test("an empty validation split is an error at once", () => {
  const empty = { ...dataset, size: () => 0 };
  assert.throws(() => validator(network, empty, { context: 2 }), {
    name: "UserError",
    message: "noise: expected at least one clip in validation, got none",
  });
});
