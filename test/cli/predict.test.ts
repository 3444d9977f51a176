import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import { readImage } from "#src/datasets/formats/image";
import { type NpyData, readNpy, writeNpy } from "#src/datasets/formats/npy";
import { writeNpz } from "#src/datasets/formats/npz";
import { encodeGreyPng } from "#src/datasets/formats/png";
import { random } from "#src/random";
import { networkOf, saveWeights } from "#src/weights/weightsFile";

const folder = mkdtempSync(join(tmpdir(), "predict-"));
after(() => rmSync(folder, { recursive: true }));
const temporary = join(folder, "tmp");
mkdirSync(temporary);
const env = { ...process.env, TMPDIR: temporary };

function cli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", ...args], { encoding: "utf8", env });
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("backend: "));
  return { status, stderr, lines, json: () => JSON.parse(stdout.trimEnd().split("\n").at(-1)!) };
}

const run = join(folder, "run");
const small = ["--profile", "quick", "--size", "16", "--filters", "2", "--context", "3", "--horizon", "2"];
const trained = cli("train", "--out", run, ...small, "--iterations", "2", "--backend", "wasm");
assert.equal(trained.status, 0, trained.stderr);
const predict = (...args: string[]) => cli("predict", run, "--backend", "wasm", "--json", ...args);

function refuses(status: 1 | 2, message: RegExp, ...args: string[]) {
  const result = predict(...args);
  assert.deepEqual([result.status, result.lines.length], [status, 1], result.stderr);
  assert.match(result.lines[0], message);
}

const draw = random("predict clips", 0);
const valuesOf = (count: number) => Float32Array.from({ length: count }, draw);
const save = (path: string, data: NpyData, ...shape: number[]) => writeNpy(path, { shape, data });

/** A folder with a clip, a batch, a packed clip and two clips of pictures. */
const clips = join(folder, "clips");
mkdirSync(join(clips, "walk"), { recursive: true });
mkdirSync(join(clips, "run"));
const values = valuesOf(3 * 256);
save(join(clips, "one.npy"), values, 3, 16, 16);
save(join(clips, "two.npy"), valuesOf(2 * 3 * 256), 2, 3, 16, 16, 1);
writeNpz(join(clips, "packed.npz"), [["clip", { shape: [5, 16, 16], data: valuesOf(5 * 256) }]]);
for (const name of ["walk", "run"]) {
  for (let t = 1; t <= 3; t++) {
    const levels = Uint8Array.from(valuesOf(256), (value) => 255 * value);
    writeFileSync(join(clips, name, `${t}.png`), encodeGreyPng(levels, 16, 16));
  }
}
const names = ["one", "packed", "run", "two-0", "two-1", "walk"];
const alone = join(folder, "alone.npy");

test("a file of clips becomes one array; only the last frames are seen where that is asked for", () => {
  const plain = predict("--input", join(clips, "one.npy"), "--out", alone);
  assert.deepEqual([plain.status, plain.json()], [0, { out: alone, shape: [1, 2, 16, 16, 1] }], plain.stderr);
  assert.doesNotMatch(plain.stderr, /trained/);
  const long = join(folder, "long.npy");
  save(long, Float32Array.from([...valuesOf(2 * 256), ...values]), 5, 16, 16);
  const last = join(folder, "last.npy");
  assert.equal(predict("--input", long, "--out", last, "--context", "3").status, 0);
  assert.deepEqual(readNpy(last).data, readNpy(alone).data);
});

test("longer than trained is allowed and said", () => {
  const { stderr, json } = predict(
    ...["--input", join(clips, "packed.npz"), "--out", join(folder, "far.npy"), "--horizon", "30"],
  );
  assert.match(stderr, /^horizon 30 is longer than the 2 frames it was trained for; errors grow$/m);
  assert.match(stderr, /^context 5 is not the 3 frames it was trained with; errors may be larger$/m);
  assert.deepEqual(json().shape, [1, 30, 16, 16, 1]);
});

test("a folder of clips becomes a folder of arrays, the same as of each clip alone", () => {
  const out = join(folder, "arrays");
  const { status, stderr, json } = predict("--input", clips, "--out", out);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /predicting clips: 100 %, step 6\/6, [\d.,]+ frames\/s, done in/);
  const told = json().clips as { name: string; out: string; shape: number[] }[];
  assert.deepEqual(told.map(({ name }) => name).sort(), names);
  for (const each of told) {
    assert.deepEqual([each.out, each.shape], [join(out, `${each.name}.npy`), [2, 16, 16, 1]]);
    assert.deepEqual(readNpy(each.out).shape, each.shape);
  }
  assert.deepEqual(readdirSync(out).sort(), names.map((name) => `${name}.npy`).sort());
  const [whole, batched] = [readNpy(alone).data, readNpy(join(out, "one.npy")).data].map((data) =>
    [...data].map(Number),
  );
  assert.ok(whole.every((value, i) => Math.abs(value - batched[i]) < 1e-6));
  assert.deepEqual(readdirSync(temporary), []);
  refuses(1, /one\.npy exists already: choose another --out$/, "--input", clips, "--out", out);
});

test("pictures: a strip and each frame, or an animation", async () => {
  const out = join(folder, "pictures");
  assert.equal(predict("--input", clips, "--out", out, "--format", "png").status, 0);
  const files = readdirSync(out, { recursive: true }).map(String).sort();
  const expected = names.flatMap((name) => [name, `${name}.png`, join(name, "0001.png"), join(name, "0002.png")]);
  assert.deepEqual(files, expected.sort());
  const { height, width, levels } = await readImage(join(out, "one", "0002.png"));
  assert.deepEqual([height, width], [16, 16]);
  const forecast = readNpy(alone).data as Float32Array;
  const clipped = forecast.subarray(256).map((value) => Math.min(Math.max(255 * value, 0), 255));
  assert.ok(levels.every((level, i) => Math.abs(level - clipped[i]) <= 0.51));
  assert.ok((await readImage(join(out, "one.png"))).width > 200);
  const moving = join(folder, "moving");
  const { json } = predict("--input", join(clips, "two.npy"), "--out", moving, "--format", "gif");
  assert.deepEqual(
    json().clips.map(({ out: path }: { out: string }) => path),
    ["two-0", "two-1"].map((name) => join(moving, `${name}.gif`)),
  );
  assert.equal(readFileSync(join(moving, "two-0.gif")).subarray(0, 6).toString(), "GIF89a");
});

test("frames of another size are resized only where that is asked for", () => {
  const input = join(folder, "large");
  mkdirSync(input);
  save(join(input, "a.npy"), valuesOf(3 * 24 * 32), 3, 24, 32);
  const out = join(folder, "resized");
  refuses(1, /a\.npy: context has frames of 24x32, but the model was built for 16x16/, "--input", input, "--out", out);
  const { json } = predict("--input", input, "--out", out, "--resize");
  assert.deepEqual(json().clips[0].shape, [2, 16, 16, 1]);
});

test("wrong calls and damaged clips: one line, before anything is written", () => {
  const out = join(folder, "none");
  const input = ["--input", clips];
  refuses(2, /--format is jpg, expected npy, png, gif/, ...input, "--out", out, "--format", "jpg");
  refuses(2, /--horizon is 0, expected a whole number from 1/, ...input, "--out", out, "--horizon", "0");
  refuses(2, /none\.npy, expected a folder/, ...input, "--out", `${out}.npy`);
  refuses(1, /alone\.npy exists already/, "--input", join(clips, "one.npy"), "--out", alone);
  refuses(1, /lies in .*clips, where it would be taken for clips/, ...input, "--out", join(clips, "out"));
  refuses(1, /one\.npy: has 3 frames, expected 4 at least to see the last 4/, ...input, "--out", out, "--context", "4");
  const plain = join(folder, "plain");
  writeFileSync(plain, "");
  refuses(1, /plain is a file, expected a folder/, ...input, "--out", plain);
  const damaged = join(folder, "damaged");
  mkdirSync(damaged);
  save(join(damaged, "a.npy"), values, 3, 16, 16);
  writeFileSync(join(damaged, "b.npy"), readFileSync(join(clips, "one.npy")).subarray(0, 900));
  refuses(1, /b\.npy: expected 3072 bytes/, "--input", damaged, "--out", out);
  rmSync(join(damaged, "b.npy"));
  mkdirSync(join(damaged, "a"));
  writeFileSync(join(damaged, "a", "1.png"), encodeGreyPng(new Uint8Array(256), 16, 16));
  refuses(1, /two clips would be written as .*a\.npy/, "--input", damaged, "--out", out);
  assert.equal(existsSync(out), false);
});

test("a file of weights fits clips of any size", () => {
  const weights = join(run, "checkpoint", "2.safetensors");
  const input = join(folder, "large", "a.npy");
  const at = (...args: string[]) => cli("predict", weights, "--backend", "wasm", "--json", "--input", input, ...args);
  const { status, json, stderr } = at("--out", join(folder, "w.npy"), "--horizon", "2");
  assert.deepEqual([status, json().shape], [0, [1, 2, 24, 32, 1]], stderr);
  assert.match(at("--out", join(folder, "v.npy")).stderr, /expected --horizon N/);
});

test("what cannot be drawn is told before anything is computed", async () => {
  await chooseBackend("cpu");
  const config = { model: "MS-ConvLSTM", filters: 2, channels: 2 };
  const weights = join(folder, "two.safetensors");
  await saveWeights(weights, config, networkOf(config).init(1));
  const two = join(folder, "two.npy");
  save(two, valuesOf(3 * 512), 3, 16, 16, 2);
  const at = (format: string, out: string) =>
    cli("predict", weights, "--input", two, "--out", join(folder, out), "--format", format, "--horizon", "1");
  assert.match(at("gif", "u").lines.join(), /--format is gif, but the model gives 2 channels; 1 or 3 can be drawn$/);
  assert.equal(existsSync(join(folder, "u")), false);
  assert.equal(at("npy", "u.npy").status, 0);
  assert.deepEqual(readNpy(join(folder, "u.npy")).shape, [1, 1, 16, 16, 2]);
});

test("Ctrl-C stops after the clip in hand and says what is done", async () => {
  const input = join(folder, "many.npy");
  save(input, valuesOf(400 * 3 * 256), 400, 3, 16, 16, 1);
  const out = join(folder, "stopped");
  const args = ["--input", input, "--out", out, "--format", "gif", "--json", "--backend", "wasm"];
  const child = spawn(process.execPath, ["dist/cli.js", "predict", run, ...args], { env });
  let said = "";
  let told = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  child.stdout.on("data", (text) => {
    told += text;
  });
  while (!existsSync(join(out, "many-0.gif"))) await new Promise((go) => setTimeout(go, 10));
  child.kill("SIGINT");
  assert.equal(await new Promise((done) => child.on("close", done)), 1, said);
  const [, done] = /^stopped after (\d+) of 400 clips; their forecasts are in /m.exec(said) ?? [];
  assert.equal(readdirSync(out).length, Number(done), said);
  assert.ok(Number(done) >= 1 && Number(done) < 400);
  const { clips: written, stopped } = JSON.parse(told);
  assert.deepEqual([written.length, stopped], [Number(done), true]);
  assert.deepEqual(readdirSync(temporary), []);
});
