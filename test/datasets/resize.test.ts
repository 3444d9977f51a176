import assert from "node:assert/strict";
import { test } from "node:test";
import { resizer } from "#src/datasets/resize";

test("by hand: half-pixel centres, edges held, halves rounded up", () => {
  // Places -¼, ¼, ¾, 1¼ of two pixels.
  assert.deepEqual([...resizer([1, 2], [1, 4])(Float32Array.of(0, 1))], [0, 0.25, 0.75, 1]);
  assert.deepEqual([...resizer([1, 2], [1, 4])(Uint8Array.of(0, 6))], [0, 2, 5, 6]);
  // Without anti-aliasing: of four pixels the middles between the first two and the last two.
  assert.deepEqual([...resizer([4, 1], [2, 1])(Uint8Array.of(0, 10, 20, 40))], [5, 30]);
  // The mean of four, and channels apart.
  assert.deepEqual([...resizer([2, 2], [1, 1], 2)(Float32Array.of(0, 1, 1, 1, 2, 1, 5, 1))], [2, 1]);
});

test("the same size gives the same frame; a ramp stays a ramp inside", () => {
  const frame = Uint8Array.from({ length: 35 }, (_, i) => (i * 37) % 256);
  assert.deepEqual(resizer([5, 7], [5, 7])(frame), frame);
  const ramp = Float32Array.from({ length: 160 }, (_, i) => i);
  const got = resizer([1, 160], [1, 88])(ramp);
  for (let i = 1; i < 87; i++) assert.ok(Math.abs(got[i] - (((i + 0.5) * 160) / 88 - 0.5)) < 1e-4);
});

test("sizes that make no sense are named", () => {
  assert.throws(() => resizer([0, 2], [1, 1]), { name: "UserError", message: /expected sides from 1 on, got 0/ });
  assert.throws(() => resizer([2, 2], [1, 1])(new Uint8Array(5)), {
    name: "UserError",
    message: /expected a frame of 2 x 2 x 1, got 5/,
  });
});
