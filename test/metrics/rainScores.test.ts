import assert from "node:assert/strict";
import { test } from "node:test";
import { balanced, balancingWeights } from "#src/metrics/balanced";
import { copyLast } from "#src/metrics/baselines";
import { framePairs } from "#src/metrics/framePairs";
import { fractionsSkill } from "#src/metrics/fss";
import { gdl } from "#src/metrics/gdl";
import { allScores, scoresNamed } from "#src/metrics/index";
import type { Threshold } from "#src/metrics/levels";
import { persistenceSkill } from "#src/metrics/persistence";
import { rainMaps } from "#src/metrics/rain";
import type { Score } from "#src/metrics/score";
import { counts, eventScores } from "#src/metrics/skill";
import { msSsim, ssim } from "#src/metrics/ssim";
import type { Sequences } from "#src/types";

const frames = (values: number[][], width: number, channels = 1): Sequences => ({
  data: Float32Array.from(values.flat()),
  shape: [1, values.length, values[0].length / width / channels, width, channels],
});
const value = (score: Score, predicted: Sequences, observed: Sequences, persisted?: Sequences) =>
  score.value(score.add(score.init(observed.shape[1]), predicted, observed, persisted));
const close = (got: number, wanted: number, tolerance = 1e-12) =>
  assert.ok(Math.abs(got - wanted) <= tolerance * Math.abs(wanted), `${got}, expected ${wanted}`);
const half: Threshold = { name: "half", pixel: 0.5, meaning: "one half" };

/** Numbers in [0, 1) that differ from place to place. */
const noise = (size: number, seed: number) =>
  Array.from({ length: size }, (_, i) => ((i * 7919 + seed * 104729) % 997) / 997);

test("by hand: events are counted over all clips before anything is divided", () => {
  // Finley's tornado forecasts of 1884 (Wilks, chapter on verification): 28 hits, 72 false alarms, 23 misses, 2680 neither.
  const finley = [28, 72, 23, 2680];
  const cells = finley.flatMap((count, kind) =>
    Array.from({ length: count }, () => [kind === 0 || kind === 1 ? 1 : 0, kind === 0 || kind === 2 ? 1 : 0]),
  );
  const scores = eventScores([half]);
  const clips = (from: number, to: number) => {
    const part = cells.slice(from, to);
    return [0, 1].map((side) => frames([part.map((pair) => pair[side])], part.length));
  };
  const wanted: Record<string, number> = {
    "pod-half": 28 / 51,
    "far-half": 0.72,
    "csi-half": 28 / 123,
    "hss-half": 0.3553,
  };
  for (const score of scores) {
    const [predicted, observed] = clips(0, cells.length);
    const [whole] = value(score, predicted, observed);
    close(whole, wanted[score.name], score.name === "hss-half" ? 1e-4 : 1e-12);
    // In two parts, which give other ratios each.
    const sums = [clips(0, 60), clips(60, cells.length)].map(([p, o]) => score.add(score.init(1), p, o));
    assert.equal(score.value(score.merge(sums[1], sums[0]))[0], whole);
  }
});

test("by hand: what never happened and was never forecast scores 0, NaN stays NaN", () => {
  const black = frames([[0, 0]], 2);
  for (const score of [...eventScores([half]), ...fractionsSkill([half])]) {
    assert.deepEqual(value(score, black, black), [0], score.name);
    assert.deepEqual(value(score, frames([[Number.NaN, 1]], 2), black), [Number.NaN], score.name);
    assert.deepEqual(value(score, black, frames([[Number.NaN, 1]], 2)), [Number.NaN], score.name);
  }
  const [pair] = framePairs(frames([[0.5, 0.49]], 2), frames([[0.5, 0.5]], 2));
  assert.deepEqual(counts(pair, [half]), [[1, 0, 1, 0]]);
});

test("by hand: the fractions skill score of Roberts and Lean's equation, and outside is no event", () => {
  const [one] = fractionsSkill([half], { side: 1 });
  const [three] = fractionsSkill([half], { side: 3 });
  // One event forecast a pixel beside where it was: no overlap at one pixel.
  const forecast = frames([[0, 1, 0, 0, 0, 0]], 6);
  const truth = frames([[0, 0, 1, 0, 0, 0]], 6);
  assert.deepEqual(value(one, forecast, truth), [0]);
  // Shares (of 9): 1 1 1 0 0 0 and 0 1 1 1 0 0: 1 - 2 / 6.
  close(value(three, forecast, truth)[0], 2 / 3);
  assert.deepEqual(value(three, truth, truth), [1]);
  // In a corner a neighbourhood has four pixels inside, and still nine in all.
  const corner = frames([[1, 0, 0, 0, 0, 0, 0, 0, 0]], 3);
  const middle = frames([[0, 0, 0, 0, 1, 0, 0, 0, 0]], 3);
  close(value(three, corner, middle)[0], 1 - 5 / 13);
  assert.throws(() => fractionsSkill([half], { side: 4 }), /odd side in pixels, got 4/);
});

test("fractions skill by its definition, several channels and sizes", () => {
  for (const [height, width, channels, side] of [
    [5, 7, 1, 3],
    [4, 3, 2, 5],
    [1, 6, 3, 7],
    [9, 2, 1, 1],
  ]) {
    const size = height * width * channels;
    const [p, o] = [noise(size, 1), noise(size, 2)];
    const reach = (side - 1) / 2;
    const share = (values: number[], row: number, column: number, channel: number) => {
      let events = 0;
      for (let y = Math.max(0, row - reach); y <= Math.min(height - 1, row + reach); y++) {
        for (let x = Math.max(0, column - reach); x <= Math.min(width - 1, column + reach); x++) {
          if (values[(y * width + x) * channels + channel] >= 0.5) events++;
        }
      }
      return events / side ** 2;
    };
    let [difference, total] = [0, 0];
    for (let i = 0; i < size; i++) {
      const [row, column, channel] = [Math.floor(i / channels / width), Math.floor(i / channels) % width, i % channels];
      const [forecast, truth] = [share(p, row, column, channel), share(o, row, column, channel)];
      difference += (forecast - truth) ** 2;
      total += forecast ** 2 + truth ** 2;
    }
    const [score] = fractionsSkill([half], { side });
    close(value(score, frames([p], width, channels), frames([o], width, channels))[0], 1 - difference / total, 1e-9);
  }
});

test("by hand: gradient difference in both directions, channels apart", () => {
  // |Δ| along rows 1 and 1 against 0 and 0; along columns 0 and 0 against 1 and 1.
  assert.deepEqual(value(gdl, frames([[0, 1, 0, 1]], 2), frames([[0, 0, 1, 1]], 2)), [4]);
  // A falling edge is as good as a rising one.
  assert.deepEqual(value(gdl, frames([[0, 1]], 2), frames([[1, 0]], 2)), [0]);
  const two = frames([[0, 5, 1, 5]], 2, 2);
  assert.deepEqual(value(gdl, two, frames([[0, 5, 0, 5]], 2, 2)), [1]);
});

test("by hand: balanced errors weigh by the true rain rate, a threshold belonging to the class above", () => {
  const rain = rainMaps.hko7;
  const rates = [0.1, 0.5, 1.9, 2, 5, 10, 29, 30, 80];
  const pixels = rates.map(rain.toPixel);
  assert.deepEqual([...balancingWeights(pixels, rain)], [1, 1, 1, 2, 5, 10, 10, 30, 30]);
  const [bMse, bMae] = balanced(rain);
  const truth = frames([[0, rain.toPixel(31)]], 2);
  const forecast = frames([[0.5, 0]], 2);
  const heavy = Math.fround(rain.toPixel(31));
  close(value(bMse, forecast, truth)[0], 0.25 + 30 * heavy ** 2);
  close(value(bMae, forecast, truth)[0], 0.5 + 30 * heavy);
});

test("rain maps: there and back, black where it does not rain", () => {
  for (const map of Object.values(rainMaps)) {
    for (const rate of [0.5, 3, 30]) close(map.toRate(map.toPixel(rate)), rate, 1e-9);
    assert.equal(map.toPixel(0), 0);
    assert.equal(map.toPixel(1e9), 1);
  }
  close(rainMaps.hko7.toDbz(rainMaps.hko7.toPixel(1)), 10 * Math.log10(58.53));
});

test("by hand: persistence skill against the last frame copied", () => {
  const context = frames([[0], [0.5]], 1);
  const truth = frames([[0.5], [1], [0]], 1);
  const persisted = copyLast(context, 2);
  const forecast = frames([[0.5], [0.75], [1]], 1);
  // Errors 0, 1/16, 1 against 1/4, 1/4, 1/4.
  assert.deepEqual(value(persistenceSkill, forecast, truth, persisted), [1, 0.75, -3]);
  assert.deepEqual(value(persistenceSkill, persisted, truth, persisted), [0, 0, 0]);
  assert.throws(
    () => value(persistenceSkill, forecast, truth),
    /expected the forecast of the last frame copied, got none/,
  );
});

test("MS-SSIM: SSIM where there is one scale, the product of its scales where there are more", () => {
  const size = 24;
  const [p, o] = [noise(size * size, 1), noise(size * size, 2).map((v, i) => (v + 3 * noise(size * size, 1)[i]) / 4)];
  const small = [p, o].map((values) => frames([values.slice(0, 20 * 20)], 20));
  close(value(msSsim, small[0], small[1])[0], value(ssim, small[0], small[1])[0]);
  // 24 x 24: two scales, whose exponents are divided by 0.3304; frames of one grey have structure 1.
  const grey = (level: number) => frames([Array(size * size).fill(level)], size);
  const luminance = (2 * 0.25 * 0.5 + 1e-4) / (0.25 ** 2 + 0.5 ** 2 + 1e-4);
  close(value(msSsim, grey(0.25), grey(0.5))[0], luminance ** (0.2856 / 0.3304), 1e-9);
  const mean = (values: number[]) =>
    Array.from({ length: (size / 2) ** 2 }, (_, i) => {
      const at = 2 * Math.floor(i / (size / 2)) * size + 2 * (i % (size / 2));
      return (values[at] + values[at + 1] + values[at + size] + values[at + size + 1]) / 4;
    });
  const coarse = value(ssim, frames([mean(p)], size / 2), frames([mean(o)], size / 2))[0];
  const got = value(msSsim, frames([p], size), frames([o], size))[0];
  // The factor of the fine scale lies near SSIM, whose luminance term is near 1 here.
  const fine = (got / coarse ** (0.2856 / 0.3304)) ** (0.3304 / 0.0448);
  close(fine, value(ssim, frames([p], size), frames([o], size))[0], 0.02);
  close(value(msSsim, frames([o], size), frames([o], size))[0], 1);
});

test("scores by name; every score is exact over parts in any order", () => {
  assert.deepEqual(
    scoresNamed(["mse", "csi"]).map(({ name }) => name),
    ["mse", "csi-0.5", "csi-2", "csi-5", "csi-10", "csi-30"],
  );
  assert.throws(() => scoresNamed(["lpips"]), /unknown score: lpips; expected some of mse, mae/);
  const clip = (seed: number) => frames([noise(144, seed), noise(144, seed + 1)], 12);
  const join = (...parts: Sequences[]): Sequences => ({
    data: Float32Array.from(parts.flatMap(({ data }) => [...data])),
    shape: [parts.length, 2, 12, 12, 1],
  });
  const [predicted, observed, persisted] = [
    [1, 5, 9],
    [2, 6, 4],
    [3, 7, 8],
  ].map((seeds) => seeds.map(clip));
  const scores = allScores();
  assert.equal(new Set(scores.map(({ name }) => name)).size, scores.length);
  for (const score of scores) {
    const whole = score.add(score.init(2), join(...predicted), join(...observed), join(...persisted));
    const parts = [2, 0, 1].map((i) => score.add(score.init(2), predicted[i], observed[i], persisted[i]));
    const merged = score.value(JSON.parse(JSON.stringify(parts.reduce(score.merge))));
    assert.deepEqual(merged, score.value(whole), score.name);
    assert.ok(merged.every(Number.isFinite), score.name);
  }
});
