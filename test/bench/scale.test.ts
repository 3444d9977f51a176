import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { dimensions, dimensionsFor, growthOf, pointsOf, type ScaleResult } from "#src/bench/scaleBench";
import { modelOf } from "#src/bench/stepTask";
import { scaleChart, scaleTables } from "#src/cli/benchScale";
import { experiment } from "#src/profiles";

const folder = mkdtempSync(join(tmpdir(), "scale-"));
after(() => rmSync(folder, { recursive: true }));

const base = experiment("small");

test("one thing at a time is varied, from the same base", () => {
  const all = pointsOf(base, dimensionsFor(base.model));
  assert.deepEqual([...new Set(all.map(({ vary }) => vary))], ["size", "filters", "steps", "batch"]);
  for (const { vary, value, base: usual, settings } of all) {
    assert.equal(dimensions[vary].of(settings), value);
    assert.equal(usual, dimensions[vary].of(base));
    for (const other of dimensionsFor(base.model)) {
      if (other !== vary) assert.equal(dimensions[other].of(settings), dimensions[other].of(base), `${vary} ${other}`);
    }
    if (value === usual) assert.deepEqual(settings, base);
  }
  const [ten] = pointsOf(base, ["steps"], [10]);
  assert.deepEqual([ten.settings.context, ten.settings.horizon], [6, 5]);
});

test("layers can be varied at a single scale only", () => {
  const single = { ...base, model: "ConvLSTM" };
  assert.ok(dimensionsFor("ConvLSTM").includes("layers"));
  const points = pointsOf(single, ["layers"]);
  assert.deepEqual(
    points.map((point) => modelOf(point).stack.cells.length),
    [2, 4, 6, 8],
  );
  assert.equal(points[2].layers, undefined);
  assert.throws(() => pointsOf(base, ["layers"]), /^UserError: MS-ConvLSTM has 6 layers, it cannot have 2$/);
});

const result = (vary: string, value: number, seconds: number, trainingBytes?: number): ScaleResult => {
  const usual = dimensions[vary].of(base);
  return { vary, value, base: usual, seconds, peakBytes: 4e8, trainingBytes, otherCores: 0 };
};

test("growth is the power between the lowest and the highest value", () => {
  const results = [result("size", 64, 16, 3e8), result("size", 32, 3, 2e8), result("size", 16, 1, 3e8)];
  const [size] = growthOf([...results, result("batch", 8, 3)]);
  assert.equal(size.vary, "size");
  assert.ok(Math.abs(size.seconds - 2) < 1e-12 && Math.abs(size.bytes) < 1e-12);
  assert.equal(growthOf([result("batch", 8, 3)]).length, 0);
});

test("tables and picture show every point", () => {
  const results = [result("size", 16, 1, 1e8), result("size", 32, 4, 2e8), result("batch", 8, 4)];
  const text = scaleTables(results);
  assert.match(text, /^\| size \(pixels a side\) \| +16 \| +1\.000 s \| 400 MB \| +100 MB \|$/m);
  assert.match(text, /^\| batch \(clips\) .* \| +\|$/m);
  assert.match(text, /^\| size +\| 2\.00 \| +1\.00 \|$/m);
  const { figure, png } = scaleChart(results, "title");
  assert.equal(png.subarray(1, 4).toString(), "PNG");
  const lines = figure.data as { name: string; x: number[]; y: number[] }[];
  assert.deepEqual(
    lines.map(({ name, x, y }) => [name, [...x], [...y]]),
    [
      ["size (32)", [-1, 0], [1, 4]],
      ["batch (8)", [0], [4]],
      ["size (32)", [-1, 0], [100, 200]],
      ["batch (8)", [0], [400]],
    ],
  );
});

test("measured points, and the picture in a file", () => {
  const settings = ["--vary", "batch", "--values", "1,2", "--batch", "2", "--filters", "2", "--size", "16"];
  const args = ["bench", "scale", ...settings, "--repeats", "1", "--backend", "wasm", "--out", folder, "--json"];
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", ...args], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const { results, growth, picture, base: told } = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  assert.deepEqual(
    results.map(({ value, base }: ScaleResult) => [value, base]),
    [
      [1, 2],
      [2, 2],
    ],
  );
  assert.ok(results.every(({ seconds, peakBytes }: ScaleResult) => seconds > 0 && peakBytes > 1e7));
  assert.deepEqual([growth.length, told.size, told.filters], [1, 16, 2]);
  assert.equal(picture, join(folder, "scale.png"));
  assert.equal(readFileSync(picture).subarray(1, 4).toString(), "PNG");
});
