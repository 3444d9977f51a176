import assert from "node:assert/strict";
import { test } from "node:test";
import { scoreAll } from "#src/metrics/evaluate";
import { mae } from "#src/metrics/mae";
import { score } from "#src/metrics/score";
import { ssim } from "#src/metrics/ssim";
import type { Sequences } from "#src/types";

/** Clips of one pixel, given as their frames. */
const clips = (...frames: number[][]): Sequences => ({
  data: Float32Array.from(frames.flat()),
  shape: [frames.length, frames[0].length, 1, 1, 1],
});
const truth = clips([0, 0, 0], [0, 0, 0]);

test("by hand: per frame, over the horizon, over all, and per clip", () => {
  const all = scoreAll([mae, ssim], { horizon: 2 });
  const sums = all.add(all.init(3), clips([0, 0.25, 0.75], [1, 0.75, 0.25]), truth);
  const [report, other] = all.report(sums);
  assert.deepEqual(report, {
    name: "mae",
    better: "lower",
    unit: mae.unit,
    definition: mae.definition,
    perFrame: [0.5, 0.5, 0.5],
    horizon: 0.5,
    all: 0.5,
    clips: [0.5, 0.5],
  });
  assert.equal(other.name, "ssim");
  const [uneven] = all.report(all.add(all.init(3), clips([1, 0.25, 0.75]), clips([0, 0, 0])));
  assert.deepEqual([uneven.horizon, uneven.all, uneven.clips], [0.5, 2 / 3, [0.5]]);
});

test("parts merge to the whole, clips in order", () => {
  const all = scoreAll([mae, ssim], { horizon: 1 });
  const whole = all.add(all.init(3), clips([0.1, 0.2, 0.3], [0.7, 0.6, 0.5]), truth);
  const first = all.add(all.init(3), clips([0.1, 0.2, 0.3]), clips([0, 0, 0]));
  const second = all.add(all.init(3), clips([0.7, 0.6, 0.5]), clips([0, 0, 0]));
  assert.deepEqual(all.report(all.merge(first, second)), all.report(whole));
  const stored = JSON.parse(JSON.stringify(first));
  assert.deepEqual(all.report(all.add(stored, clips([0.7, 0.6, 0.5]), clips([0, 0, 0]))), all.report(whole));
});

test("a score that is no mean over clips has no numbers per clip", () => {
  const count = score(
    { name: "count", synonyms: [], better: "higher", unit: "clips", definition: "clips seen" },
    { measure: () => [1], value: ([clips]) => clips },
  );
  const all = scoreAll([count, mae], { horizon: 1 });
  const reports = all.report(all.add(all.add(all.init(3), truth, truth), truth, truth));
  assert.deepEqual(reports[0].perFrame, [4, 4, 4]);
  assert.equal(reports[0].clips, undefined);
  assert.deepEqual(reports[1].clips, [0, 0, 0, 0]);
});

test("a horizon outside the clip is refused", () => {
  for (const horizon of [0, 4, 1.5]) {
    assert.throws(() => scoreAll([mae], { horizon }).init(3), /horizon: expected 1 to 3 frames, got/);
  }
});
