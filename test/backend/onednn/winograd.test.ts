import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { enginePath } from "#src/backend/onednn/native";
import { values } from "../../gradient";

const skip = existsSync(enginePath()) ? false : "the engine is not built";
const asked = process.env.MS_RNN_ISA;

type Padding = "same" | "valid" | [[0, 0], [number, number], [number, number], [0, 0]];

/** 3x3 at stride 1, from 8 tiles of 4x4 on: sides that tiles do and do not divide, one block of channels and several, odd panels. */
const cases: [x: [number, number, number, number], outChannels: number, pad: Padding][] = [
  [[1, 8, 16, 16], 16, "same"],
  [[1, 9, 13, 32], 48, "same"],
  [[5, 7, 6, 48], 16, "same"],
  [[2, 1, 15, 16], 80, "same"],
  [[3, 12, 9, 16], 32, "valid"],
  [[1, 33, 18, 64], 64, "same"],
  [
    [1, 11, 14, 32],
    32,
    [
      [0, 0],
      [2, 0],
      [0, 3],
      [0, 0],
    ],
  ],
  [[70, 3, 3, 16], 16, "same"],
  [[1, 64, 64, 16], 32, "same"],
];

/** Output with a bias, and the gradients of x, weights and bias. */
function everything([x, outChannels, pad]: (typeof cases)[number]): Float32Array[] {
  return tf.tidy(() => {
    const given = [
      values<tf.Rank.R4>(x, "x"),
      values<tf.Rank.R4>([3, 3, x[3], outChannels], "k"),
      values<tf.Rank.R1>([outChannels], "b"),
    ];
    const run = (...[a, k, b]: tf.Tensor[]) =>
      tf.add(tf.conv2d(a as tf.Tensor4D, k as tf.Tensor4D, 1, pad as "same"), b);
    const y = run(...given);
    const results = [y, ...tf.grads(run)(given, values(y.shape as [number, number, number, number], "dy"))];
    return results.map((t) => t.dataSync() as Float32Array);
  });
}

describe(`Winograd's algorithm, ${asked ?? "the processor's instructions"}`, { skip }, () => {
  test("output and gradients are those of WebAssembly", async () => {
    await chooseBackend("wasm");
    const expected = cases.map(everything);
    await chooseBackend("onednn");
    for (const [i, one] of cases.entries()) {
      for (const [k, got] of everything(one).entries()) {
        const wanted = expected[i][k];
        const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const off = wanted.reduce((most, value, at) => Math.max(most, Math.abs(value - got[at])), 0);
        assert.ok(
          off <= 2e-5 * largest,
          `${JSON.stringify(one)}, ${["y", "dx", "dw", "db"][k]}: off by ${off} of ${largest}`,
        );
      }
    }
  });
});

for (const set of asked ? [] : ["avx2", "generic"]) {
  test(`the same with no more than ${set} instructions`, { skip }, () => {
    const env = { ...process.env, MS_RNN_ISA: set, NODE_TEST_CONTEXT: undefined };
    const { status, stdout } = spawnSync(process.execPath, ["--test", __filename], { env, encoding: "utf8" });
    assert.equal(status, 0, stdout);
    assert.match(stdout, new RegExp(`Winograd's algorithm, ${set}`));
  });
}
