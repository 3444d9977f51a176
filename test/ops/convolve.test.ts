import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { convolve, convolveJoined, zeroFrames } from "#src/ops/convolve";
import type { Frames } from "#src/types";
import { skip } from "../backend/onednn/forms";
import { values } from "../gradient";

const kernelOf = (channels: number) => values<tf.Rank.R4>([3, 3, channels, 6], "kernel");
const bias = () => values<tf.Rank.R1>([6], "bias");
const maps = (channels: number, name: string) => values<tf.Rank.R4>([2, 5, 4, channels], name);

/** Largest difference of two tensors. */
const apart = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0];

for (const backend of ["cpu", "wasm", "onednn"]) {
  describe(`joined convolutions on ${backend}`, { skip: backend === "onednn" ? skip : false }, () => {
    test("are the sum of one convolution an input, in the order of the kernel's channels", async () => {
      await chooseBackend(backend);
      const [a, b, c, kernel] = [maps(3, "a"), maps(1, "b"), maps(2, "c"), kernelOf(6)];
      const parts = [
        [a, 0],
        [b, 3],
        [c, 4],
      ] as [Frames, number][];
      const alone = parts.map(([x, first]) =>
        tf.conv2d(x, tf.slice(kernel, [0, 0, first, 0], [3, 3, x.shape[3], 6]), 1, "same"),
      );
      const expected = tf.add(tf.addN(alone), bias());
      assert.ok(apart(convolveJoined([a, b, c], kernel, bias()), expected) < 1e-5);
    });

    test("leave out what is zero, wherever it stands, and give the other gradients as they were", async () => {
      await chooseBackend(backend);
      const kernel = kernelOf(6);
      const [a, c] = [maps(3, "a"), maps(2, "c")];
      for (const order of [
        [zeroFrames([2, 5, 4, 1]), a, c],
        [a, zeroFrames([2, 5, 4, 1]), c],
        [a, zeroFrames([2, 5, 4, 3])],
        [zeroFrames([2, 5, 4, 6])],
      ] as Frames[][]) {
        const dense = order.map((x) => tf.add<Frames>(x, 0));
        const left = tf.grad((k: tf.Tensor) => tf.square(convolveJoined(order, k as tf.Tensor4D, bias())))(kernel);
        const whole = tf.grad((k: tf.Tensor) => tf.square(convolve(tf.concat(dense, 3), k as tf.Tensor4D, bias())))(
          kernel,
        );
        assert.ok(apart(left, whole) < 1e-4);
        assert.ok(apart(convolveJoined(order, kernel, bias()), convolve(tf.concat(dense, 3), kernel, bias())) < 1e-5);
      }
    });
  });
}
