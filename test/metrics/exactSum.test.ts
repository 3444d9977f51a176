import assert from "node:assert/strict";
import { test } from "node:test";
import { addExact, type ExactSum, joinExact, roundExact } from "#src/metrics/exactSum";
import { random } from "#src/random";

const sum = (values: number[]) => values.reduce<ExactSum>(addExact, []);

test("nothing is lost: published hard cases of summation", () => {
  assert.equal(roundExact(sum([])), 0);
  assert.equal(roundExact(sum(Array(10).fill(0.1))), 1);
  assert.equal(roundExact(sum([1e100, 1, -1e100])), 1);
  assert.equal(roundExact(sum([1, 1e100, 1, -1e100])), 2);
  // Half way between 1 and its neighbour: to even, unless something below decides.
  assert.equal(roundExact(sum([1, 2 ** -53])), 1);
  assert.equal(roundExact(sum([1, 2 ** -53, 2 ** -106])), 1 + 2 ** -52);
  assert.equal(roundExact(sum([1, 2 ** -53, -(2 ** -106)])), 1);
});

test("order and grouping do not matter", () => {
  const uniform = random("exact");
  for (let round = 0; round < 50; round++) {
    const values = Array.from({ length: 40 }, () => (uniform() - 0.5) * 2 ** Math.floor(uniform() * 120));
    const whole = roundExact(sum(values));
    const cut = Math.floor(uniform() * 40);
    assert.equal(roundExact(joinExact(sum(values.slice(cut)), sum(values.slice(0, cut)))), whole);
    assert.equal(roundExact(sum([...values].sort((a, b) => a - b))), whole);
  }
});

test("NaN and infinity end in NaN", () => {
  assert.ok(Number.isNaN(roundExact(sum([1, Number.NaN, 2]))));
  assert.ok(Number.isNaN(roundExact(joinExact(sum([1]), sum([Infinity])))));
});
