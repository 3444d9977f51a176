import assert from "node:assert/strict";
import { test } from "node:test";
import { constantRate, cosineRate, oneCycle, type Schedule, warmedUp } from "#src/train/schedule";

const curve = (schedule: Schedule, iterations: number) => Array.from({ length: iterations }, (_, i) => schedule(i));

function near(got: readonly number[], expected: readonly number[]): void {
  assert.equal(got.length, expected.length);
  for (const [i, rate] of expected.entries()) {
    assert.ok(Math.abs(got[i] - rate) <= 1e-9 * Math.max(rate, 1e-3), `iteration ${i}: ${got[i]}, expected ${rate}`);
  }
}

test("constant, and half a cosine to 0, where it stays", () => {
  assert.deepEqual([0, 7].map(constantRate(0.3)), [0.3, 0.3]);
  const cosine = cosineRate(2, 100);
  assert.equal(cosine(0), 2);
  assert.ok(Math.abs(cosine(50) - 1) < 1e-12 && Math.abs(cosine(25) - (1 + Math.SQRT1_2)) < 1e-12);
  assert.ok(cosine(100) < 1e-15 && cosine(120) < 1e-15);
});

// torch.optim.lr_scheduler.OneCycleLR of PyTorch 1.13.0a0 (Debian's 1.13.1), cosine annealing.
test("one cycle is PyTorch's", () => {
  near(
    curve(oneCycle({ max: 0.4, iterations: 20 }), 20),
    [
      0.016, 0.05266873708, 0.1486687371, 0.2673312629, 0.3633312629, 0.4, 0.3949856025, 0.3801938528, 0.356366471,
      0.3246982616, 0.2867772007, 0.2445048088, 0.2000008, 0.1554967912, 0.1132243993, 0.07530333842, 0.04363512897,
      0.01980774719, 0.005015997506, 1.6e-6,
    ],
  );
  const other = oneCycle({ max: 1, iterations: 10, warmUpPart: 0.2, divide: 10, finalDivide: 100 });
  near(
    curve(other, 10),
    [0.1, 1, 0.9619778265, 0.8536998372, 0.6916503745, 0.5005, 0.3093496255, 0.1473001628, 0.03902217351, 0.001],
  );
  assert.equal(other(1000), other(9));
  // Without a rise it starts at the top, and one iteration is no division by zero.
  assert.equal(oneCycle({ max: 1, iterations: 10, warmUpPart: 0.1 })(0), 1);
  assert.ok(Number.isFinite(oneCycle({ max: 1, iterations: 1 })(0)));
});

test("a warm-up rises in a line from 0 and then leaves the schedule as it is", () => {
  assert.deepEqual(curve(warmedUp(constantRate(8), 4), 6), [0, 2, 4, 6, 8, 8]);
  const cosine = cosineRate(1, 10);
  const warm = warmedUp(cosine, 2);
  assert.deepEqual([warm(0), warm(1), warm(2), warm(7)], [0, cosine(1) / 2, cosine(2), cosine(7)]);
  assert.equal(warmedUp(cosine, 0)(0), 1);
});
