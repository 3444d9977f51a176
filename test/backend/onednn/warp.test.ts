import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { Native } from "#src/backend/onednn/native";
import { warp } from "#src/ops/warp";
import type { Frames } from "#src/types";
import { values } from "../../gradient";
import { blocked, compareWithCpu, engine, skip } from "./forms";

describe("warp on the engine", { skip }, () => {
  beforeEach(async () => {
    await chooseBackend("onednn");
  });

  for (const channels of [1, 3, 16, 17, 32, 48]) {
    test(`${channels} channels: as on the cpu, in odd sizes and every mix of forms`, async () => {
      const cases: [batch: number, height: number, width: number, links: number, sign: 1 | -1][] = [
        [1, 1, 1, 1, 1],
        [5, 3, 2, 1, -1],
        [1, 2, 131, 2, 1],
        [2, 9, 7, 8, -1],
      ];
      for (const [i, [batch, height, width, links, sign]] of cases.entries()) {
        const alignment = i % 2 === 0 ? "reference" : "clean";
        const make = () => [
          values<tf.Rank.R4>([batch, height, width, channels], "a"),
          tf.mul(values<tf.Rank.R4>([batch, height, width, 2 * links], "flow"), 3),
        ];
        await compareWithCpu((a, flow) => warp(a as Frames, flow as Frames, { sign, alignment }), make, {
          allowed: 2e-5,
        });
      }
    });
  }

  test("maps that all threads share", async () => {
    for (const channels of [20, 32]) {
      const make = () => [
        values<tf.Rank.R4>([3, 33, 20, channels], "a"),
        tf.mul(values<tf.Rank.R4>([3, 33, 20, 6], "flow"), 5),
      ];
      await compareWithCpu((a, flow) => warp(a as Frames, flow as Frames), make, { allowed: 5e-5 });
    }
  });

  test("blocked maps stay blocked where links begin with a block", () => {
    const form = (channels: number) =>
      engine().form(warp(blocked(values([1, 2, 2, channels])), values<tf.Rank.R4>([1, 2, 2, 4])));
    assert.equal(form(32), "blocked");
    assert.equal(form(8), "plain");
  });

  test("wrong calls of the native functions throw and do nothing", () => {
    const native = engine().native as Native & Record<string, (...args: unknown[]) => void>;
    const [a, flow, out] = [native.allocate(96), native.allocate(24), native.allocate(192)];
    const wrong: [name: string, args: unknown[], message: RegExp][] = [
      ["warp", [], /warp: argument batch is missing/],
      ["warp", [1, 2, 3, 16, 2, true, false, false, a, flow], /argument out is missing/],
      ["warp", [1, 0, 3, 16, 2, true, false, false, a, flow, out], /height is 0/],
      ["warp", [1, 2, 3, 16, 0, true, false, false, a, flow, out], /links is 0/],
      ["warp", [1, 2, 3, 8, 2, true, false, false, a, flow, out], /channels is 8, expected a multiple of 16/],
      ["warp", [1, 2, 3, 16, 2, 1, false, false, a, flow, out], /blocked is not a boolean/],
      ["warp", [1, 2 ** 30, 2 ** 30, 16, 2, true, false, false, a, flow, out], /expected at most 2\^30/],
      ["warp", [1, 2 ** 31, 1, 16, 2, true, false, false, a, flow, out], /height is/],
      ["warp", [2 ** 30, 2, 3, 2 ** 30, 2, false, false, false, a, flow, out], /more than 2\^40/],
      ["warp", [2, 2, 3, 16, 2, true, false, false, a, flow, out], /a has 96 floats, expected 192/],
      ["warp", [1, 2, 3, 16, 3, true, false, false, a, flow, out], /flow has 24 floats, expected 36/],
      ["warp", [1, 2, 3, 16, 2, true, false, false, a, flow, a], /out has 96 floats, expected 192/],
      ["warpGradient", [1, 2, 3, 16, 2, true, false, false, a, flow, a, a, flow], /dy has 96 floats, expected 192/],
      ["warpGradient", [1, 2, 3, 16, 2, true, false, false, a, flow, out, flow, flow], /da has 24 floats, expected 96/],
      ["warpGradient", [1, 2, 3, 16, 2, true, false, false, a, flow, out, a], /argument dflow is missing/],
      ["warpGradient", [1, 2, 3, 16, 2, true, false, false, a, flow, out, a, 12345], /no buffer 12345/],
    ];
    const { buffers } = native.state();
    for (const [name, args, message] of wrong) assert.throws(() => native[name](...args), message);
    native.finish();
    assert.equal(native.state().buffers, buffers);
    for (const buffer of [a, flow, out]) native.release(buffer);
  });

  test("memory for the parts of the flow's gradient is given back", () => {
    const native = engine().native;
    const [a, flow] = [values<tf.Rank.R4>([1, 3, 3, 48]), values<tf.Rank.R4>([1, 3, 3, 4])];
    const gradients = () => tf.dispose(tf.grads((x, y) => tf.sum(warp(x as Frames, y as Frames)))([a, flow]));
    gradients();
    const { buffers } = native.state();
    gradients();
    assert.equal(native.state().buffers, buffers);
  });
});
