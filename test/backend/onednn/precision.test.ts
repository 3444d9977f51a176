import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { loadNative, type Native } from "#src/backend/onednn/native";
import { compile } from "#src/compile";
import type { Tree } from "#src/types";
import { values } from "../../gradient";
import { blocked, engine, skip } from "./forms";

const native = skip ? undefined : (loadNative() as Native);
const withoutHalf = skip || (native?.bf16 ? false : "this processor does not multiply in bfloat16");

describe("bfloat16", { skip }, () => {
  before(async () => void (await chooseBackend("onednn")));

  test("numbers are rounded to the nearest, ties to even; infinities and NaN stay", () => {
    const one = 1 / 128;
    const given = [
      0,
      -0,
      1,
      1 + one / 2,
      1 + 1.5 * one,
      1 + one / 2 + 1e-6,
      -3.14159274,
      Infinity,
      -Infinity,
      NaN,
      3.4e38,
    ];
    const [from, to] = [native!.allocate(given.length), native!.allocate(Math.ceil(given.length / 2))];
    native!.write(from, Float32Array.from(given));
    native!.narrow(given.length, from, to);
    const raw = new Float32Array(Math.ceil(given.length / 2));
    native!.read(to, raw);
    const bits = new Uint16Array(raw.buffer);
    const got = given.map((_, i) => new Float32Array(new Uint32Array([bits[i] << 16]).buffer)[0]);
    assert.deepEqual(got, [0, -0, 1, 1, 1 + 2 * one, 1 + one, -3.140625, Infinity, -Infinity, NaN, Infinity]);
    for (const buffer of [from, to]) native!.release(buffer);
    assert.throws(() => native!.narrow(8, native!.allocate(8), native!.allocate(3)), /to has 3 floats, expected 4|to/);
  });

  /** A convolution and its gradients as a step. */
  const step = (stride: number, pad: "same" | "valid") => {
    return ({ w }: { w: tf.Tensor }, { x, dy }: { x: tf.Tensor; dy: tf.Tensor }) => {
      const conv = (x: tf.Tensor, w: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad);
      const [dx, dw] = tf.grads(conv)([x, w], dy);
      return { state: { w: dw }, outputs: { y: conv(x, w), dx } };
    };
  };

  for (const [size, channels, filters, stride, pad] of [
    [3, 16, 32, 1, "same"],
    [3, 32, 48, 1, "same"],
    [1, 32, 16, 1, "same"],
    [5, 17, 33, 1, "valid"],
    [2, 16, 16, 2, "valid"],
  ] as const) {
    test(`${size}x${size}, ${channels} -> ${filters}: near float32, and not the same`, {
      skip: withoutHalf,
    }, async () => {
      const x = values<tf.Rank.R4>([2, 10, 12, channels], "x");
      const w = values<tf.Rank.R4>([size, size, channels, filters], "w");
      const dy = values<tf.Rank.R4>(tf.conv2d(x, w, stride, pad).shape, "dy");
      const results: Tree[] = [];
      for (const precision of ["f32", "bf16"] as const) {
        for (const input of [x, channels % 16 === 0 ? blocked(x) : x]) {
          const compiled = compile(step(stride, pad), { precision });
          const { state, outputs } = (await compiled.run({ w }, { x: input, dy }))!;
          results.push({ ...state, ...outputs });
        }
      }
      const [exact, , half, halfBlocked] = results as Record<string, tf.Tensor>[];
      for (const name of ["y", "dx", "w"]) {
        const largest = tf.max(tf.abs(exact[name])).dataSync()[0];
        for (const other of [half, halfBlocked]) {
          const error = tf.max(tf.abs(tf.sub(exact[name], other[name]))).dataSync()[0] / largest;
          assert.ok(error > 1e-6 && error < 1e-2, `${name}: ${error}`);
        }
      }
      assert.equal(engine().precision, "f32");
    });
  }
});

test("bfloat16 without an engine is an error", async () => {
  await chooseBackend("cpu");
  const compiled = compile(({ x }: { x: tf.Tensor }) => ({ state: { x: tf.square(x) }, outputs: {} }), {
    precision: "bf16",
  });
  await assert.rejects(compiled.run({ x: tf.ones([1]) }, {}), /^UserError: precision bf16 needs .* \(here: cpu\)$/);
});
