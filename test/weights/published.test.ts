import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import { readNpy, writeNpy } from "#src/datasets/formats/npy";
import { readNpz, writeNpz } from "#src/datasets/formats/npz";
import type { ModelParams } from "#src/model";
import { modelNames } from "#src/models";
import { disposeTree, leaves } from "#src/tree";
import { exportWeights, importWeights, readPublished, writePublished } from "#src/weights/published";
import { loadWeights, networkOf, saveWeights } from "#src/weights/weightsFile";

const folder = mkdtempSync(join(tmpdir(), "published-"));
after(() => rmSync(folder, { recursive: true }));
before(async () => void (await chooseBackend("cpu")));

const numbers = (params: ModelParams) => leaves(params).map(([name, leaf]) => [name, leaf.shape, [...leaf.dataSync()]]);

test("every network's weights go to published names and back without loss, in both file formats", () => {
  for (const name of modelNames()) {
    const config = { model: name, filters: 4, channels: 2 };
    const params = networkOf(config).init(3);
    for (const [ending, complete] of [
      ["npz", false],
      ["safetensors", true],
    ] as const) {
      const path = join(folder, `weights.${ending}`);
      writePublished(path, exportWeights(config, params, complete));
      const read = importWeights(readPublished(path), { model: name }, path);
      assert.deepEqual([read.config.filters, read.config.channels], [4, 2]);
      assert.deepEqual(numbers(read.params), numbers(params), `${name}, ${ending}`);
      disposeTree(read.params);
    }
    const whole = networkOf({ ...config, complete: true });
    const all = whole.init(0);
    const names = [...exportWeights({ ...config, complete: true }, all, false)].map(([key, { shape }]) => [key, shape]);
    const filled = [...exportWeights(config, params, true)].map(([key, { shape }]) => [key, shape]);
    assert.deepEqual(filled, names, `${name}: what the published code expects`);
    disposeTree(params);
    disposeTree(all);
  }
});

test("weights of another network, or none, are refused by name", () => {
  const path = join(folder, "other.npz");
  const config = { model: "PredRNN", filters: 4, channels: 1 };
  writePublished(path, exportWeights(config, networkOf(config).init(0), false));
  const given = readPublished(path);
  assert.throws(() => importWeights(given, { model: "ConvLSTM" }, path), {
    name: "UserError",
    message: /other\.npz: 60 of its 88 weights belong to no part of ConvLSTM: rnns\.lstm\.0\._conv_x2h_m\.weight/,
  });
  assert.throws(() => importWeights(given, { model: "MIM" }, path), /weight rnns\.lstm\..* is missing/);
  assert.throws(
    () => importWeights(given, { model: "PredRNN", kernelSize: 5 }, path),
    /does not fit our gates\.kernel/,
  );
  assert.throws(() => importWeights(new Map(), { model: "PredRNN" }, path), /no weight embed\.conv_embed\.weight/);
  assert.throws(() => writePublished(join(folder, "x.pth"), given), {
    name: "UsageError",
    message: /\.npz or \.safetensors/,
  });
});

test("weights files keep their network's configuration; damaged ones are refused", async () => {
  const path = join(folder, "ours.safetensors");
  const config = { model: "MS-TrajGRU", filters: 3, channels: 1, links: 2 };
  const params = networkOf(config).init(5);
  await saveWeights(path, config, params);
  const read = loadWeights(path, { height: 8, width: 12 });
  assert.deepEqual(read.config, config);
  assert.deepEqual(read.model.frame, { height: 8, width: 12, channels: 1 });
  assert.deepEqual(numbers(read.params), numbers(params));
  assert.throws(() => loadWeights(path, { height: 9, width: 12 }), /must be divisible by 4/);
  // A run's checkpoint is one, too.
  const kept = loadWeights("data/checkpoints/small-MS-ConvLSTM/checkpoint/20000.safetensors", {
    height: 32,
    width: 32,
  });
  assert.deepEqual(kept.config, { model: "MS-ConvLSTM", channels: 1, filters: 16, kernelSize: 3 });
  writePublished(join(folder, "reference.safetensors"), exportWeights(config, params, false));
  assert.throws(
    () => loadWeights(join(folder, "reference.safetensors")),
    /is damaged: expected checksum \(none stored\)/,
  );
});

test(".npz: what is written is read; equal arrays make equal files; bombs and strangers are refused", () => {
  const [path, again] = [join(folder, "some.npz"), join(folder, "again.npz")];
  const arrays = new Map([
    ["a", { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
    ["b.c", { shape: [], data: BigInt64Array.of(7n) }],
  ]);
  for (const to of [path, again]) writeNpz(to, arrays);
  assert.deepEqual(readNpz(path), arrays);
  assert.deepEqual(readNpz(again), readNpz(path));
  const python = spawnSync("/usr/bin/python3", ["-c", `import numpy; print(numpy.load("${path}")["a"].tolist())`], {
    encoding: "utf8",
  });
  if (python.status === 0) assert.equal(python.stdout.trim(), "[[1.0, 2.0], [3.0, 4.0]]");
  const { zipSync } = require("fflate") as typeof import("fflate");
  const refused: [Record<string, Uint8Array>, RegExp][] = [
    [{ "zeros.npy": new Uint8Array(20_000_000) }, /zeros\.npy would have 20000000 bytes/],
    [{ "readme.txt": Uint8Array.of(1) }, /a file readme\.txt, expected \.npy files/],
    [{ "../a.npy": Uint8Array.of(1) }, /a file named \.\.\/a\.npy/],
    [{ "a.npy": Uint8Array.of(1) }, /some\.npz, a\.npy: expected a NumPy file/],
    [{}, /no files/],
  ];
  for (const [files, message] of refused) {
    writeFileSync(path, zipSync(files));
    assert.throws(() => readNpz(path), { name: "UserError", message });
  }
});

test("the command line imports, lists and exports weights, and forecasts with a file of them", () => {
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", ...args, "--json"], {
      encoding: "utf8",
    });
    return { status, stderr, json: JSON.parse(stdout.trimEnd().split("\n").at(-1) || "null") };
  };
  const [from, ours, back] = ["published.npz", "imported.safetensors", "back.npz"].map((name) => join(folder, name));
  const config = { model: "MS-MIM", filters: 4, channels: 1 };
  const params = networkOf(config).init(1);
  writePublished(from, exportWeights(config, params, true));
  const imported = run("weights", "import", from, "--model", "MS-MIM", ours);
  assert.equal(imported.status, 0, imported.stderr);
  const { parameters, ...rest } = imported.json;
  assert.deepEqual(rest, { out: ours, ...config });
  assert.equal(
    parameters,
    leaves(params).reduce((sum, [, leaf]) => sum + leaf.size, 0),
  );
  assert.equal(run("weights", "export", ours, back, "--complete").status, 0);
  assert.deepEqual(readNpz(back), readNpz(from));
  assert.equal(run("weights", "list", back).json.arrays.length, readNpz(back).size);
  const run20000 = run("weights", "export", "data/checkpoints/small-MS-ConvLSTM", join(folder, "kept.npz"));
  assert.deepEqual([run20000.status, run20000.json.model, run20000.json.arrays], [0, "MS-ConvLSTM", 28]);

  const [input, out] = [join(folder, "clips.npy"), join(folder, "forecast.npy")];
  writeNpy(input, { shape: [1, 2, 8, 8, 1], data: new Float32Array(128).fill(0.5) });
  const forecast = run("predict", ours, "--input", input, "--out", out, "--horizon", "3");
  assert.equal(forecast.status, 0, forecast.stderr);
  assert.deepEqual(readNpy(out).shape, [1, 3, 8, 8, 1]);

  const wrong: [number, RegExp, ...string[]][] = [
    [2, /expected import, export, list/, "weights", "eat"],
    [2, /expected --model NAME/, "weights", "import", from, ours],
    [2, /unknown model: MS-X/, "weights", "import", from, "--model", "MS-X", join(folder, "no.safetensors")],
    [2, /ends in \.safetensors/, "weights", "import", from, "--model", "MS-MIM", join(folder, "no.npz")],
    [
      1,
      /not found/,
      "weights",
      "import",
      join(folder, "none.pth"),
      "--model",
      "MS-MIM",
      join(folder, "no.safetensors"),
    ],
    [2, /expected --horizon N/, "predict", ours, "--input", input, "--out", out],
  ];
  for (const [status, message, ...args] of wrong) {
    const result = run(...args);
    assert.equal(result.status, status, result.stderr);
    assert.match(result.stderr, message);
  }
  assert.ok(!existsSync(join(folder, "no.safetensors")) && !existsSync(join(folder, "no.npz")), "nothing was written");
});
