import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, test } from "node:test";
import { writeNpy } from "#src/datasets/formats/npy";
import { fractionsSkill } from "#src/metrics/fss";
import { psnr } from "#src/metrics/psnr";
import type { Score } from "#src/metrics/score";
import { eventScores } from "#src/metrics/skill";
import { ssim } from "#src/metrics/ssim";
import { random } from "#src/random";
import type { Sequences } from "#src/types";

const folder = mkdtempSync(join(tmpdir(), "independent-"));
after(() => rmSync(folder, { recursive: true }));

const python = "/usr/bin/python3";
const missing = spawnSync(python, ["-c", "import skimage, scipy"]).status !== 0;

const close = (got: number, wanted: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(got - wanted) <= tolerance, `${what}: ${got}, expected ${wanted}`);
const value = (score: Score, predicted: Sequences, observed: Sequences) =>
  score.value(score.add(score.init(observed.shape[1]), predicted, observed));

/** Frames with blobs and noise; `near` is the same a little moved and changed. */
function made(time: number, height: number, width: number): { predicted: Sequences; observed: Sequences } {
  const draw = random("independent", height, width);
  const frames = (move: number) =>
    Float32Array.from({ length: time * height * width }, (_, i) => {
      const [t, y, x] = [Math.floor(i / height / width), Math.floor(i / width) % height, i % width];
      const wave = Math.sin((x + move + t) / 4) * Math.cos((y - move) / 5);
      return Math.min(Math.max(0.4 + 0.5 * wave + 0.1 * draw(), 0), 1);
    });
  const shape = [1, time, height, width, 1] as const;
  return { predicted: { data: frames(1), shape }, observed: { data: frames(0), shape } };
}

describe("scikit-image and SciPy give the same numbers", {
  skip: missing && "scikit-image is not installed: apt-get install python3-skimage",
}, () => {
  for (const [height, width] of [
    [64, 64],
    [11, 11],
    [40, 23],
  ]) {
    test(`${height} x ${width}`, () => {
      const { predicted, observed } = made(4, height, width);
      const [side, level] = [5, 0.5];
      const paths = [predicted, observed].map(({ data }, i) => {
        const path = join(folder, `${i}.npy`);
        writeNpy(path, { shape: [4, height, width], data });
        return path;
      });
      const args = [resolve("test/metrics/independent.py"), ...paths, `${side}`, `${level}`];
      const { status, stdout, stderr } = spawnSync(python, args, { encoding: "utf8" });
      assert.equal(status, 0, stderr);
      const theirs: Record<"ssim" | "psnr" | "fss" | "csi", number[]> = JSON.parse(stdout);
      const levels = [{ name: "half", pixel: level, meaning: "one half" }];
      const [fss] = fractionsSkill(levels, { side });
      const csi = eventScores(levels).find(({ name }) => name === "csi-half")!;
      // Ours adds 1e-5 to the mean squared error.
      const floored = theirs.psnr.map((db) => -10 * Math.log10(10 ** (-db / 10) + 1e-5));
      const ours = Object.entries({ ssim, psnr, fss, csi });
      for (const [name, score] of ours) {
        const wanted = name === "psnr" ? floored : theirs[name as keyof typeof theirs];
        for (const [frame, got] of value(score, predicted, observed).entries())
          close(got, wanted[frame], 1e-9, `${name} of frame ${frame}`);
      }
    });
  }
});

/** A band one pixel wide from top to bottom. */
const band = (column: number, side: number): Sequences => ({
  data: Float32Array.from({ length: side * side }, (_, i) => (i % side === column ? 1 : 0)),
  shape: [1, 1, side, side, 1],
});

test("worked example: displaced bands of rain (Roberts and Lean 2008, figure 4)", () => {
  // A neighbourhood of n columns holds a band at n places, 1/n of each: Σ P² is n/n² a row. Two bands d apart are alone at d places
  // each, where they differ by 1/n: Σ (P̂ - P)² is 2d/n². So FSS = 1 - (2d/n²) / (2n/n²) = 1 - d/n, and 0 where n < d. What
  // lies above and below the frame thins both bands alike. FSS reaches 1/2 at n = 2d, the paper's scale of useful skill.
  const side = 100;
  const level = [{ name: "rain", pixel: 0.5, meaning: "rain" }];
  for (const d of [1, 3, 11, 21]) {
    for (const n of [1, 3, 5, 11, 13, 21, 23, 41, 43, 49]) {
      const [score] = fractionsSkill(level, { side: n });
      const [got] = value(score, band(50 - d, side), band(50, side));
      close(got, n < d ? 0 : 1 - d / n, 1e-12, `${d} apart, ${n} wide`);
    }
  }
});

test("worked example: a neighbourhood that always holds the frame (Roberts and Lean 2008, asymptotic score)", () => {
  // Then all shares are equal, and the score is that of the frequencies: 2 f̂ f / (f̂² + f²).
  const [height, width] = [7, 9];
  const few = (count: number, step: number): Sequences => ({
    data: Float32Array.from({ length: height * width }, (_, i) => (i % step === 0 && i < count * step ? 1 : 0)),
    shape: [1, 1, height, width, 1],
  });
  const [score] = fractionsSkill([{ name: "rain", pixel: 0.5, meaning: "rain" }], { side: 2 * width - 1 });
  const [forecast, truth] = [6, 10];
  close(
    value(score, few(forecast, 5), few(truth, 3))[0],
    (2 * forecast * truth) / (forecast ** 2 + truth ** 2),
    1e-12,
    "asymptotic FSS",
  );
});
