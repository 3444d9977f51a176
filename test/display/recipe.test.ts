import assert from "node:assert/strict";
import { test } from "node:test";
import { recipeCurves } from "#src/display/index";

const still = { interactive: false };

test("a recipe is drawn from the first to the last iteration, a panel each for rate and sampling", () => {
  const seen: number[] = [];
  const learningRate = (iteration: number) => {
    seen.push(iteration);
    return 1 / (iteration + 1);
  };
  const chart = recipeCurves(
    { iterations: 1000, learningRate, sampling: { eta: () => 0.5 } },
    { points: 11, ...still },
  );
  assert.deepEqual([seen.length, seen[0], seen[1], seen.at(-1)], [11, 0, 100, 999]);
  assert.match(chart.text, /Learning rate, learning rate: learning rate 1\.000 to 0\.001.*; Sampling, .*eta 0\.5/);
  assert.equal(chart.html, undefined);
  assert.equal(
    recipeCurves({ iterations: 1, learningRate: () => 1 }).text,
    "Recipe: Learning rate, learning rate: learning rate 1.000 to 1.000",
  );
});

test("what makes no sense is refused in one line", () => {
  const learningRate = () => 1;
  assert.throws(() => recipeCurves({ iterations: 0, learningRate }), /iterations: 0 is not 1, 2/);
  assert.throws(() => recipeCurves({ iterations: 9, learningRate }, { points: 1.5 }), /points: 1\.5 is not/);
  const sampling = { eta: (iteration: number) => 1 + iteration };
  assert.throws(
    () => recipeCurves({ iterations: 9, learningRate, sampling }),
    /^UserError: eta is 2 at iteration 1, expected a probability$/,
  );
});
