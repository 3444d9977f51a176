import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { mae, maeMean } from "#src/metrics/mae";
import { mse, mseMean } from "#src/metrics/mse";
import { psnr } from "#src/metrics/psnr";
import type { Score } from "#src/metrics/score";
import { gaussian, ssim } from "#src/metrics/ssim";
import type { Sequences } from "#src/types";
import { readSafetensors } from "#src/weights/safetensors";

const reference = "test/reference/msrnn/metrics";
type Expected = Record<"per_frame" | "mean", Record<string, never>> & { shape: number[] };
const expected: Record<string, Expected> = JSON.parse(readFileSync(`${reference}/expected.json`, "utf8"));
const { tensors } = readSafetensors(`${reference}/frames.safetensors`);
const scores = { mse, mae, psnr, ssim };

/** [step, sample, 1, height, width] of the file to [sample, step, height, width, 1]. */
function load(name: string): Sequences {
  const { data, shape } = tensors.get(name)!;
  const [time, batch, , height, width] = shape;
  const size = height * width;
  const result = new Float32Array(data.length);
  for (let t = 0; t < time; t++) {
    for (let b = 0; b < batch; b++) {
      result.set(data.subarray((t * batch + b) * size, (t * batch + b + 1) * size), (b * time + t) * size);
    }
  }
  return { data: result, shape: [batch, time, height, width, 1] };
}

function part({ data, shape: [, ...rest] }: Sequences, from: number, to: number): Sequences {
  const size = rest.reduce((a, b) => a * b);
  return { data: data.slice(from * size, to * size), shape: [to - from, ...rest] };
}

/** One clip of frames given as rows of grey values, one channel unless told. */
const frames = (values: number[][], width: number, channels = 1): Sequences => ({
  data: Float32Array.from(values.flat()),
  shape: [1, values.length, values[0].length / width / channels, width, channels],
});
const value = (score: Score, predicted: Sequences, observed: Sequences) =>
  score.value(score.add(score.init(observed.shape[1]), predicted, observed));
const close = (got: number, wanted: number, tolerance = 1e-6) =>
  assert.ok(Math.abs(got - wanted) <= tolerance * Math.abs(wanted), `${got}, expected ${wanted}`);

for (const [set, { per_frame, mean }] of Object.entries(expected)) {
  test(`${set}: the four scores, per frame and mean, and parts merged to the last bit`, () => {
    const [predicted, observed] = [load(`${set}/pred`), load(`${set}/truth`)];
    const [batch, time] = observed.shape;
    for (const [name, score] of Object.entries(scores)) {
      const got = value(score, predicted, observed);
      const wanted: number[] = per_frame[name];
      assert.equal(got.length, wanted.length);
      for (const [frame, number] of got.entries()) close(number, wanted[frame]);
      close(got.reduce((a, b) => a + b) / got.length, mean[name]);

      const sums = [part(predicted, 0, 1), part(predicted, 1, batch)].map((piece, i) =>
        score.add(score.init(time), piece, part(observed, i, i === 0 ? 1 : batch)),
      );
      assert.deepEqual(score.value(score.merge(sums[0], sums[1])), got);
      assert.deepEqual(score.value(JSON.parse(JSON.stringify(score.merge(sums[1], sums[0])))), got);
    }
  });
}

test("by hand: squared and absolute error as sums and as means", () => {
  const predicted = frames(
    [
      [0.5, 0.25, 0, 1],
      [0, 0, 0, 0],
    ],
    2,
  );
  const observed = frames(
    [
      [0, 0.5, 0, 0],
      [0.5, 0.5, 0.5, 0.5],
    ],
    2,
  );
  assert.deepEqual(value(mse, predicted, observed), [0.25 + 0.0625 + 1, 1]);
  assert.deepEqual(value(mae, predicted, observed), [0.5 + 0.25 + 1, 2]);
  assert.deepEqual(value(mseMean, predicted, observed), [1.3125 / 4, 0.25]);
  assert.deepEqual(value(maeMean, predicted, observed), [1.75 / 4, 0.5]);
});

test("by hand: the number of a frame is the mean over clips, however they were added", () => {
  const truth: Sequences = { data: new Float32Array(3), shape: [3, 1, 1, 1, 1] };
  const forecast: Sequences = { data: Float32Array.of(1, 0.5, 0), shape: [3, 1, 1, 1, 1] };
  assert.deepEqual(value(mae, forecast, truth), [0.5]);
  const before = mae.init(1);
  const sums = mae.add(
    mae.add(before, part(forecast, 0, 1), part(truth, 0, 1)),
    part(forecast, 1, 3),
    part(truth, 1, 3),
  );
  assert.deepEqual(mae.value(sums), [0.5]);
  assert.deepEqual(before, { clips: 0, sums: [[[]]] });
  assert.deepEqual(mae.value(before), [Number.NaN]);
});

test("by hand: PSNR is 50 for equal frames and 20 for an error of 0.1", () => {
  const black = frames([[0, 0]], 2);
  close(value(psnr, black, black)[0], 50, 1e-12);
  close(value(psnr, frames([[0.1, 0.1]], 2), black)[0], 10 * Math.log10(1 / 0.01001), 1e-6);
  // A mean of logarithms, not the logarithm of a mean: 50 and -10 log10(1.00001) give 25.
  const two: Sequences = { data: Float32Array.of(0, 1), shape: [2, 1, 1, 1, 1] };
  close(value(psnr, two, { ...two, data: new Float32Array(2) })[0], 25, 1e-5);
});

test("by hand: SSIM of flat frames is the luminance term, of equal frames 1", () => {
  const flat = (grey: number) => frames([Array(144).fill(grey)], 12);
  const [a, b] = [0.25, 0.5];
  close(value(ssim, flat(a), flat(b))[0], (2 * a * b + 1e-4) / (a * a + b * b + 1e-4), 1e-9);
  const ramp = frames([Array.from({ length: 144 }, (_, i) => i / 144)], 12);
  close(value(ssim, ramp, ramp)[0], 1, 1e-12);
});

test("by hand: SSIM of one pixel pair, where the window is the frame", () => {
  // 2 x 2, window 2: four weights of 1/4; x̂ = 1 0 / 0 0, x = 1 0 / 0 1. Means 1/4, 1/2; variances 3/16, 1/4; covariance 1/8.
  const got = value(ssim, frames([[1, 0, 0, 0]], 2), frames([[1, 0, 0, 1]], 2))[0];
  close(got, ((2 / 8 + 1e-4) * (2 / 8 + 9e-4)) / ((1 / 16 + 1 / 4 + 1e-4) * (3 / 16 + 1 / 4 + 9e-4)), 1e-12);
});

test("the window: side 11 has σ 1.5, an even side two equal middle weights, all sum to 1", () => {
  const eleven = gaussian(11);
  close(eleven[6] / eleven[5], Math.exp(-1 / 4.5), 1e-12);
  const four = gaussian(4);
  assert.equal(four[1], four[2]);
  close(four[0] / four[1], Math.exp(-(1.5 ** 2 - 0.5 ** 2) / (2 * (6 / 11) ** 2)), 1e-12);
  for (let side = 1; side <= 11; side++)
    close(
      gaussian(side).reduce((a, b) => a + b),
      1,
      1e-15,
    );
});

test("three channels: errors are summed, SSIM is the mean over channels", () => {
  const channel = (i: number, seed: number) =>
    Array.from({ length: 169 }, (_, at) => ((at * (7 + i) + seed * 31) % 101) / 101);
  const mixed = (seed: number) =>
    frames([channel(0, seed).flatMap((_, at) => [0, 1, 2].map((i) => channel(i, seed)[at]))], 13, 3);
  const single = (score: Score) =>
    [0, 1, 2].map((i) => value(score, frames([channel(i, 1)], 13), frames([channel(i, 2)], 13))[0]);
  const sum = (values: number[]) => values.reduce((a, b) => a + b);
  close(value(ssim, mixed(1), mixed(2))[0], sum(single(ssim)) / 3, 1e-12);
  close(value(mse, mixed(1), mixed(2))[0], sum(single(mse)), 1e-12);
});

test("forecasts are clipped to [0, 1], the truth is not; NaN stays NaN", () => {
  const black = frames([[0, 0]], 2);
  assert.deepEqual(value(mae, frames([[-3, 7]], 2), black), [1]);
  assert.deepEqual(value(mae, black, frames([[-3, 7]], 2)), [10]);
  assert.deepEqual(value(mae, frames([[Infinity, -Infinity]], 2), black), [1]);
  for (const score of Object.values(scores)) {
    const one = frames([[Number.NaN, 0]], 2);
    assert.deepEqual(value(score, one, black), [Number.NaN]);
    const after = score.add(score.add(score.init(1), one, black), black, black);
    assert.deepEqual(score.value(after), [Number.NaN]);
  }
});

test("shapes and lengths that differ are named", () => {
  const two = frames([[0, 0]], 2);
  const wrong = {
    name: "UserError",
    message: "score: expected a forecast of shape [1,1,2,1,1] like the truth, got [1,1,1,2,1]",
  };
  assert.throws(() => value(mse, two, frames([[0, 0]], 1)), wrong);
  assert.throws(() => mse.add(mse.init(3), two, two), {
    name: "UserError",
    message: "mse: expected 3 frames a clip, got 1",
  });
  assert.throws(() => mse.merge(mse.init(3), mse.init(4)), /mse: expected 3 frames a clip, got 4/);
});
