import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import { evaluate, networkForecaster } from "#src/evaluate";
import type { ScoreReport } from "#src/metrics/evaluate";
import { paired } from "#src/metrics/paired";
import { prepare } from "#src/prepare";
import { experiment } from "#src/profiles";
import { compareForecasters } from "#src/scoreTable";

const report = (name: string, better: "lower" | "higher", clips: number[]): ScoreReport => {
  const mean = clips.reduce((a, b) => a + b) / clips.length;
  return { name, better, unit: "", definition: "", perFrame: [], horizon: mean, all: mean, clips };
};

test("by hand: two models on the same clips, one better by 1 on each; and the other way round", () => {
  const hard = [10, 90, 40, 60];
  const reports = {
    a: [report("mse", "lower", hard), report("ssim", "higher", [0.9, 0.8, 0.9, 0.8])],
    b: [
      report(
        "mse",
        "lower",
        hard.map((value) => value + 1),
      ),
      report("ssim", "higher", [0.8, 0.7, 0.8, 0.7]),
    ],
  };
  const { opponent, difference, line } = compareForecasters(reports, "a", "b");
  assert.deepEqual([opponent, difference.mean, difference.low, difference.high], ["b", -1, -1, -1]);
  assert.equal(
    line,
    "horizon MSE of a less that of b: -1.00 (-2.0 %), 95 % interval over 4 clips -1.00 to -1.00; a is better",
  );
  assert.match(compareForecasters(reports, "b", "a").line, /^horizon MSE of b less that of a: 1\.00 .*; b is worse$/);
  // A score of which more is better.
  assert.match(compareForecasters(reports, "a", "b", "ssim").line, /: 0\.1000 \(13\.3 %\).*; a is better$/);
  assert.match(compareForecasters(reports, "b", "a", "ssim").line, /; b is worse$/);
});

test("what cannot be told apart, or is not there, is said", () => {
  const reports = {
    a: [report("mse", "lower", [1, 5, 2, 9, 4, 3])],
    b: [report("mse", "lower", [2, 4, 3, 8, 5, 2])],
    broken: [report("mse", "lower", [1, Number.NaN, 2, 9, 4, 3])],
    short: [report("mse", "lower", [1, 2])],
    count: [{ ...report("mse", "lower", [1, 2]), clips: undefined }],
  };
  assert.match(compareForecasters(reports, "a", "b").line, /the interval holds zero: no difference shown$/);
  const refused = (opponent: string, message: RegExp, score?: string) =>
    assert.throws(() => compareForecasters(reports, "a", opponent, score), { name: "UserError", message });
  refused("broken", /MSE of broken is not finite/);
  refused("short", /expected two scores a clip, got 6 and 2/);
  refused("count", /no MSE per clip of count among the scores/);
  refused("c", /no MSE per clip of c among the scores/);
  refused("b", /no CSI-5 per clip of a among the scores/, "csi-5");
});

test("two networks through evaluate: the difference of their scores; a network beside itself shows none", async () => {
  await chooseBackend("cpu");
  const { model, dataset } = await prepare(experiment("quick", { filters: 2, size: 16, context: 3, horizon: 2 }));
  const [one, two] = [1, 2].map((seed) => networkForecaster(model, model.init(seed)));
  const reports = await evaluate({ one, two, again: one }, dataset, { context: 3, take: 12 });
  const [mse, ssim] = ["mse", "ssim"].map((name) => ({ ...compareForecasters(reports, "one", "two", name), name }));
  for (const { name, difference } of [mse, ssim]) {
    const [a, b] = ["one", "two"].map((which) => reports[which].find((score) => score.name === name)!);
    assert.ok(Math.abs(difference.mean - (a.horizon - b.horizon)) < 1e-9, name);
    assert.deepEqual(difference, paired(a.clips!, b.clips!));
    assert.ok(difference.low <= difference.mean && difference.mean <= difference.high && difference.clips === 12);
  }
  const same = compareForecasters(reports, "one", "again");
  assert.deepEqual([same.difference.mean, same.difference.excludesZero], [0, false]);
});
