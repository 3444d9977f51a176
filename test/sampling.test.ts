import assert from "node:assert/strict";
import { test } from "node:test";
import { random } from "#src/random";
import {
  noSampling,
  reverseScheduledEtas,
  reverseScheduledSampling,
  scheduledEta,
  scheduledSampling,
} from "#src/sampling";

const share = (mask: Float32Array, columns: number[], width: number) => {
  const rows = mask.length / width;
  let sum = 0;
  for (let row = 0; row < rows; row++) for (const column of columns) sum += mask[row * width + column];
  return sum / rows / columns.length;
};

test("η falls from 1 to 0 and stays there", () => {
  assert.deepEqual(
    [0, 25, 50, 100, 150].map((i) => scheduledEta(i, 100)),
    [1, 0.75, 0.5, 0, 0],
  );
});

test("given frames are always truth, future ones with probability η, by sample", () => {
  const sampling = scheduledSampling({ context: 4, over: 100 });
  const mask = sampling(40, 5000, 8, random("mask"));
  assert.equal(mask.length, 5000 * 6);
  assert.equal(share(mask, [0, 1, 2], 6), 1);
  assert.ok(Math.abs(share(mask, [3, 4, 5], 6) - 0.6) < 0.02);
  assert.equal(share(sampling(100, 50, 8, random("mask")), [3, 4, 5], 6), 0);
  assert.equal(share(sampling(0, 50, 8, random("mask")), [3, 4, 5], 6), 1);
});

test("draws go step by step, sample by sample, and only where there is a choice", () => {
  const draws = [0.1, 0.9, 0.2, 0.8];
  const mask = scheduledSampling({ context: 2, over: 10 })(5, 2, 4, () => draws.shift()!);
  // Steps 2 of both samples come first and use the draws 0.1 and 0.9; there is no step after it that chooses.
  assert.deepEqual([...mask], [1, 1, 1, 0]);
  assert.equal(draws.length, 2);
});

test("reverse scheduled sampling: thirds of the epochs, both parts", () => {
  assert.deepEqual(reverseScheduledEtas(1, 30), { given: 0.5, future: 0.5 });
  assert.deepEqual(reverseScheduledEtas(15, 30), { given: 1 - 0.5 * Math.exp(-2.5), future: 0.25 });
  assert.deepEqual(reverseScheduledEtas(20, 30), { given: 1, future: 0 });
  const sampling = reverseScheduledSampling({ context: 4, epochs: 30, iterationsPerEpoch: 10 });
  const late = sampling(149, 5000, 8, random("r"));
  assert.ok(Math.abs(share(late, [0, 1, 2], 6) - (1 - 0.5 * Math.exp(-2.5))) < 0.02);
  assert.ok(Math.abs(share(late, [3, 4, 5], 6) - 0.25) < 0.02);
  assert.ok(Math.abs(share(sampling(0, 5000, 8, random("r")), [0, 1, 2], 6) - 0.5) < 0.02);
});

test("evaluation sees the context and nothing else", () => {
  assert.deepEqual([...noSampling({ context: 3 })(9, 1, 7, () => 0)], [1, 1, 0, 0, 0]);
});
