import assert from "node:assert/strict";
import { test } from "node:test";
import { sliceChannel } from "#src/datasets/sliceChannel";

test("one channel of two", () => {
  const both = { data: Float32Array.from([1, 2, 3, 4]), shape: [1, 2, 1, 1, 2] as const };
  assert.deepEqual(sliceChannel(both, 1), { data: Float32Array.from([2, 4]), shape: [1, 2, 1, 1, 1] });
});
