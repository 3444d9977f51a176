import assert from "node:assert/strict";
import { test } from "node:test";
import { random } from "#src/random";

const draw = (count: number, ...keys: (number | string)[]) => {
  const next = random(...keys);
  return Array.from({ length: count }, next);
};

test("the same keys give the same numbers for ever", () => {
  assert.deepEqual(draw(3, 1, "mask", 2), draw(3, 1, "mask", 2));
  // Frozen: a change here changes every experiment.
  assert.deepEqual(draw(2, 2022), [0.6664177987250078, 0.893463294177329]);
});

test("other keys, order and kinds of keys give other numbers", () => {
  const streams = [[1], [2], ["1"], [1, 2], [2, 1], [12], ["a", "b"], ["ab"], [0.1], [-1]].map((keys) =>
    draw(4, ...keys),
  );
  assert.equal(new Set(streams.map(String)).size, streams.length);
});

test("numbers are uniform in [0, 1)", () => {
  const numbers = draw(100_000, "uniform");
  assert.ok(numbers.every((u) => u >= 0 && u < 1));
  const bins = Array(10).fill(0);
  for (const u of numbers) bins[Math.floor(10 * u)]++;
  // 10,000 expected in each, standard deviation 95.
  assert.ok(
    bins.every((count) => Math.abs(count - 10_000) < 500),
    String(bins),
  );
  const [a, b] = [numbers.slice(0, -1), numbers.slice(1)];
  const correlation = a.reduce((sum, u, i) => sum + (u - 0.5) * (b[i] - 0.5), 0) / a.length / (1 / 12);
  assert.ok(Math.abs(correlation) < 0.02, `${correlation}`);
});
