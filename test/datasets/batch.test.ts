import assert from "node:assert/strict";
import { test } from "node:test";
import { clipAt, joinClips } from "#src/datasets/batch";
import type { Sequences } from "#src/types";

test("clips become a batch, and are found in it again, as copies", () => {
  const one: Sequences = { data: Float32Array.of(1, 2), shape: [1, 2, 1, 1, 1] };
  const two: Sequences = { data: Float32Array.of(3, 4, 5, 6), shape: [2, 2, 1, 1, 1] };
  const batch = joinClips([one, two]);
  assert.deepEqual(batch, { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [3, 2, 1, 1, 1] });
  const middle = clipAt(batch, 1);
  assert.deepEqual(middle, { data: Float32Array.of(3, 4), shape: [1, 2, 1, 1, 1] });
  middle.data.fill(0);
  assert.equal(batch.data[2], 3);
});
