import assert from "node:assert/strict";
import { test } from "node:test";
import { paired } from "#src/metrics/paired";
import { random } from "#src/random";

const uniform = random("paired test");
const noise = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());

test("by hand: a constant difference has an interval of no width", () => {
  const result = paired([3, 5, 7], [1, 3, 5]);
  assert.deepEqual(result, { mean: 2, low: 2, high: 2, level: 0.95, clips: 3, resamples: 10_000, excludesZero: true });
  const { mean, excludesZero } = paired([1, 3, 5], [3, 5, 7]);
  assert.deepEqual([mean, excludesZero], [-2, true]);
});

test("by hand: of two clips, a quarter of the samples holds one of them twice", () => {
  const { low, high, mean } = paired([0, 1], [0, 0], { level: 0.4 });
  assert.deepEqual([low, mean, high], [0.5, 0.5, 0.5]);
  const wide = paired([0, 1], [0, 0], { level: 0.6 });
  assert.deepEqual([wide.low, wide.high], [0, 1]);
});

test("large samples agree with the normal interval, mean ± 1.96 standard errors", () => {
  const difference = Array.from({ length: 400 }, () => 0.3 + noise());
  const { mean, low, high } = paired(difference, Array(400).fill(0));
  const deviation = Math.sqrt(difference.reduce((sum, d) => sum + (d - mean) ** 2, 0) / 399);
  const half = (1.96 * deviation) / 20;
  assert.ok(
    Math.abs(low - (mean - half)) < 0.08 * half && Math.abs(high - (mean + half)) < 0.08 * half,
    `${low} ${high}`,
  );
});

test("coverage: 95 % intervals hold the true difference about 95 times in 100", () => {
  let inside = 0;
  for (let trial = 0; trial < 200; trial++) {
    const a = Array.from({ length: 60 }, () => 1 + noise());
    const { low, high } = paired(a, Array(60).fill(0), { resamples: 500, seed: trial });
    if (low <= 1 && 1 <= high) inside++;
  }
  assert.ok(inside >= 178 && inside <= 198, `${inside} of 200`);
});

test("the pairing counts: what clips share cancels", () => {
  const hard = Array.from({ length: 100 }, () => 50 * noise());
  const better = hard.map((value) => value - 0.5 + 0.1 * noise());
  assert.ok(paired(better, hard).high < -0.4);
  assert.equal(paired(better, [...hard].reverse()).excludesZero, false);
});

test("a seed gives the same interval, another seed another", () => {
  const a = Array.from({ length: 30 }, noise);
  const b = Array.from({ length: 30 }, noise);
  assert.deepEqual(paired(a, b, { seed: 4 }), paired(a, b, { seed: 4 }));
  assert.notEqual(paired(a, b, { seed: 4 }).low, paired(a, b, { seed: 5 }).low);
  assert.ok(paired(a, b, { level: 0.5 }).high < paired(a, b).high);
});

test("what cannot be compared is refused", () => {
  assert.throws(() => paired([1, 2], [1]), /expected two scores a clip, got 2 and 1/);
  assert.throws(() => paired([1], [1]), /expected at least 2 clips, got 1/);
  assert.throws(() => paired([1, 2], [1, 2], { resamples: 5 }), /expected at least 100 resamples, got 5/);
  assert.throws(() => paired([1, 2], [1, 2], { level: 1 }), /expected a level between 0 and 1, got 1/);
});
