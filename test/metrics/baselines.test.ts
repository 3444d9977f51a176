import assert from "node:assert/strict";
import { test } from "node:test";
import { blackFrame, copyLast } from "#src/metrics/baselines";
import type { Sequences } from "#src/types";

/** Two clips of three given frames of 1 x 2. */
const context: Sequences = { data: Float32Array.from({ length: 12 }, (_, i) => i + 1), shape: [2, 3, 1, 2, 1] };

test("copyLast: each given frame for the next, the last for all that follow", () => {
  const { data, shape } = copyLast(context, 2);
  assert.deepEqual(shape, [2, 4, 1, 2, 1]);
  assert.deepEqual([...data], [1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9, 10, 11, 12, 11, 12]);
});

test("blackFrame: zeros of the same shape", () => {
  const { data, shape } = blackFrame(context, 2);
  assert.deepEqual(shape, copyLast(context, 2).shape);
  assert.deepEqual([...data], Array(16).fill(0));
});

test("no context or no horizon is refused", () => {
  assert.throws(() => copyLast(context, 0), /expected a horizon of at least 1 frame, got 0/);
  assert.throws(() => blackFrame({ data: new Float32Array(0), shape: [1, 0, 2, 2, 1] }, 1), /at least one given frame/);
});
