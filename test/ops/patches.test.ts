import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { compile } from "#src/compile";
import { fromPatches, toPatches } from "#src/ops/patches";
import type { Clip, Frames } from "#src/types";
import { skip } from "../backend/onednn/forms";
import { backends, checkGradient, values } from "../gradient";

/** As the published code has it, number by number. */
function byHand(frame: number[][][], size: number): number[] {
  const result: number[] = [];
  for (let row = 0; row < frame.length; row += size) {
    for (let column = 0; column < frame[0].length; column += size) {
      for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) result.push(...frame[row + y][column + x]);
    }
  }
  return result;
}

for (const backend of backends) {
  test(`${backend}: patches hold their pixels row by row, and go back to where they were`, async () => {
    await chooseBackend(backend);
    for (const [height, width, channels, size] of [
      [2, 2, 1, 2],
      [4, 6, 3, 2],
      [6, 9, 2, 3],
      [8, 4, 17, 4],
      [3, 5, 2, 1],
    ]) {
      const clip = values<tf.Rank.R5>([2, 3, height, width, channels]) as Clip;
      const patches = toPatches(clip, size);
      assert.deepEqual(patches.shape, [2, 3, height / size, width / size, size * size * channels]);
      const expected = (clip.arraySync() as number[][][][][]).flat().flatMap((frame) => byHand(frame, size));
      assert.deepEqual([...patches.dataSync()], expected, `${[height, width, channels]} by ${size}`);
      const back = fromPatches(patches, size);
      assert.deepEqual([back.shape, back.dataSync()], [clip.shape, clip.dataSync()]);
      const frames = tf.reshape(clip, [6, height, width, channels]) as Frames;
      assert.deepEqual(toPatches(frames, size).dataSync(), patches.dataSync());
    }
  });

  test(`${backend}: gradients equal finite differences`, async () => {
    await chooseBackend(backend);
    const bent = (f: typeof toPatches) => (x: tf.Tensor) => tf.square(f(x as Frames, 2));
    checkGradient(bent(toPatches), [values([1, 4, 2, 3])]);
    checkGradient(bent(fromPatches), [values([1, 2, 1, 8])]);
  });
}

test("they can be recorded, with their gradients, from maps in any form", { skip }, async () => {
  await chooseBackend("onednn");
  const lines: string[] = [];
  const f = (x: tf.Tensor) =>
    tf.sum(tf.square(tf.relu(fromPatches(tf.mul(toPatches(x as Frames, 2), 3) as Frames, 2))));
  const step = compile((_, { x }: { x: Frames }) => ({ state: {}, outputs: { slope: tf.grad(f)(x) } }), {
    onFallback: (line) => lines.push(line),
  });
  const x = values<tf.Rank.R4>([2, 4, 6, 5]);
  const { slope } = (await step.run({}, { x }))!.outputs;
  assert.deepEqual(lines, []);
  assert.deepEqual(
    [...slope.dataSync()],
    [...x.dataSync()].map((value) => Math.fround(Math.fround(6 * Math.fround(3 * Math.max(value, 0))))),
  );
  step.dispose();
});

test("what cannot be cut, or is no patches, is refused in one line", async () => {
  await chooseBackend("cpu");
  const frames = tf.zeros<tf.Rank.R4>([1, 6, 4, 2]);
  assert.throws(() => toPatches(frames, 4), {
    name: "UserError",
    message: "frames of 6x4 cannot be cut into patches of 4x4 pixels",
  });
  assert.throws(() => toPatches(frames, 0.5), { message: "patch is 0.5, expected a whole number from 1" });
  assert.throws(() => fromPatches(frames, 2), { message: "2 channels are no patches of 2x2 pixels" });
});
