import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readNpy, writeNpy } from "#src/datasets/formats/npy";
import { readLog } from "#src/train/runLog";

const folder = mkdtempSync(join(tmpdir(), "cli-"));
after(() => rmSync(folder, { recursive: true }));

function cli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", ...args], { encoding: "utf8" });
  const lines = stdout.trimEnd().split("\n");
  const json = () => JSON.parse(lines[lines.length - 1]);
  return { status, stdout, stderr, json };
}

/** One clear line and nothing else, besides the one that names the backend. */
function refuses(status: 1 | 2, message: RegExp, ...args: string[]) {
  const result = cli(...args);
  assert.equal(result.status, status, `${args.join(" ")}: ${result.stderr}`);
  const lines = result.stderr
    .trimEnd()
    .split("\n")
    .filter((line) => !line.startsWith("backend: "));
  assert.equal(lines.length, 1, result.stderr);
  assert.match(lines[0], message);
  assert.match(lines[0], /^ms-rnn: /);
}

const run = join(folder, "run");
const small = ["--profile", "quick", "--size", "16", "--filters", "2", "--iterations", "4", "--backend", "wasm"];
const trained = cli("train", "--out", run, ...small, "--checkpoint-every", "3", "--json");

test("train writes a run folder: settings, log, checkpoints", () => {
  assert.equal(trained.status, 0, trained.stderr);
  assert.equal(trained.json().iteration, 4);
  const { settings, backend } = JSON.parse(readFileSync(join(run, "config.json"), "utf8"));
  assert.deepEqual([settings.size, settings.filters, settings.iterations, backend], [16, 2, 4, "wasm"]);
  const steps = readLog(run).filter((event) => event.kind === "step");
  assert.deepEqual(
    steps.map(({ iteration }) => iteration),
    [1, 2, 3, 4],
  );
  assert.ok(steps.every(({ loss }) => Number.isFinite(loss)));
  assert.deepEqual(readdirSync(join(run, "checkpoint")), ["3.safetensors", "4.safetensors"]);
  assert.match(trained.stderr, /backend: wasm[\s\S]*training: /);
});

test("a run that is interrupted leaves a checkpoint, and continued ends like an unbroken one", async () => {
  const broken = join(folder, "broken");
  const whole = join(folder, "whole");
  const longer = [...small.map((arg) => (arg === "4" ? "40" : arg)), "--checkpoint-every", "100"];
  assert.equal(cli("train", "--out", whole, ...longer).status, 0);
  const child = spawn(process.execPath, ["dist/cli.js", "train", "--out", broken, ...longer]);
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const log = join(broken, "log.jsonl");
  while (!existsSync(log) || readFileSync(log, "utf8").split("\n").length < 4)
    await new Promise((go) => setTimeout(go, 20));
  child.kill("SIGINT");
  const status = await new Promise((done) => child.on("close", done));
  assert.equal(status, 1);
  assert.match(said, /stopped after iteration \d+; continue with: ms-rnn train --resume/);
  assert.equal(readdirSync(join(broken, "checkpoint")).length, 2);
  assert.equal(cli("train", "--resume", broken, "--backend", "wasm").status, 0);
  const last = (path: string) => readFileSync(join(path, "checkpoint", "40.safetensors"));
  assert.ok(last(broken).equals(last(whole)));
});

test("evaluate scores beside the baselines, and writes every frame's number", () => {
  const { status, stdout, json } = cli("evaluate", run, "--clips", "3", "--backend", "wasm", "--json");
  assert.equal(status, 0);
  assert.match(stdout, /copy last frame[\s\S]*black frame[\s\S]*MS-ConvLSTM/);
  assert.deepEqual(
    json().scores.map((row: { forecaster: string }) => row.forecaster),
    ["copy last frame", "black frame", "MS-ConvLSTM"],
  );
  assert.ok(["black frame", "copy last frame"].includes(json().opponent));
  assert.match(stdout, new RegExp(`less that of the better trivial forecast \\(${json().opponent}\\): `));
  const linesOf = (name: string) => readFileSync(join(run, name), "utf8").trimEnd().split("\n");
  const csv = linesOf("scores.csv");
  assert.equal(csv.length, 1 + 3 * 4 * 19);
  assert.match(csv[1], /^4,test,3,copy last frame,mse,1,\d+\.\d+$/);
  assert.equal(linesOf("clips.csv").length, 1 + 3 * 4 * 3);
  assert.match(linesOf("clips.csv")[1], /^4,test,test 0 \(seed 2022\),copy last frame,mse,/);
  for (const name of ["curves.png", "forecast.png", "forecast.gif"]) assert.ok(existsSync(join(run, name)), name);
});

test("evaluate: another split and another checkpoint add their rows", () => {
  const before = readFileSync(join(run, "scores.csv"), "utf8");
  const { status, json } = cli(
    ...["evaluate", run, "--clips", "2", "--split", "validation", "--checkpoint", "3", "--backend", "wasm", "--json"],
  );
  assert.equal(status, 0);
  assert.deepEqual([json().iteration, json().split], [3, "validation"]);
  const now = readFileSync(join(run, "scores.csv"), "utf8");
  assert.ok(now.startsWith(before));
  assert.match(now.slice(before.length), /^3,validation,2,copy last frame,mse,1,/);
  refuses(1, /has no checkpoint of iteration 1; it has 3, 4/, "evaluate", run, "--checkpoint", "1", "--backend", "cpu");
});

test("evaluate: scores that are asked for, in a table of their own", () => {
  const { json } = cli(
    "evaluate",
    run,
    "--clips",
    "2",
    "--scores",
    "csi,persistenceSkill",
    "--backend",
    "wasm",
    "--json",
  );
  const [copied] = json().scores as Record<string, number | string>[];
  assert.deepEqual(
    Object.keys(copied).filter((name) => name.endsWith(" all")),
    ["MSE all", ...["0.5", "2", "5", "10", "30"].map((rate) => `CSI-${rate} all`), "PERSISTENCESKILL all"],
  );
  assert.equal(copied["PERSISTENCESKILL all"], 0);
  assert.match(readFileSync(join(run, "scores.csv"), "utf8"), /\n4,test,2,copy last frame,csi-30,19,/);
});

test("more test clips than there are means all of them, and says how many", () => {
  const { json } = cli("evaluate", run, "--clips", "4000", "--backend", "wasm", "--json");
  assert.equal(json().clips, 1000);
});

test("a finished run that is continued has nothing to do, and says which weights it has", () => {
  const { status, json } = cli("train", "--resume", run, "--backend", "wasm", "--json");
  assert.equal(status, 0);
  assert.match(json().checkpoint, /4\.safetensors$/);
  const [resume, done] = readFileSync(join(run, "log.jsonl"), "utf8").trimEnd().split("\n").slice(-2);
  assert.deepEqual([JSON.parse(resume).kind, JSON.parse(resume).iteration], ["resume", 4]);
  assert.equal(JSON.parse(done).kind, "done");
});

test("predict forecasts a .npy file, whole numbers of 64 bits too", () => {
  const input = join(folder, "clip.npy");
  writeNpy(input, { shape: [5, 16, 16], data: new BigInt64Array(5 * 256).fill(1n) });
  const out = join(folder, "forecast.npy");
  const { status, stderr } = cli("predict", run, "--input", input, "--horizon", "7", "--out", out, "--backend", "wasm");
  assert.equal(status, 0, stderr);
  const { shape, data } = readNpy(out);
  assert.deepEqual(shape, [1, 7, 16, 16, 1]);
  assert.ok(data.length === 7 * 256 && Number.isFinite(Number(data[0])));
});

test("verify prints a line a file and ends with the count; one failure is exit 1", () => {
  const good = cli("verify", "test/reference/msrnn/ops", "--backend", "wasm", "--json");
  assert.equal(good.status, 0);
  assert.match(good.stdout, /passed {2}maxpool2\.safetensors: [\s\S]*\n22 passed, 0 failed\n/);
  assert.deepEqual([good.json().passed, good.json().failed], [22, 0]);
  const odd = join(folder, "odd");
  mkdirSync(odd);
  writeFileSync(join(odd, "x.json"), "{}");
  const bad = cli("verify", odd, "--backend", "cpu");
  assert.equal(bad.status, 1);
  assert.match(bad.stdout, /FAILED {2}x\.json: not understood[\s\S]*\n0 passed, 1 failed\n$/);
});

test("models, data and bench say what there is", () => {
  const models = cli("models", "--json");
  assert.match(models.stdout, /MS-ConvLSTM +1,772,737 +1,772,737 +3\.171 +3\.171 +60\.3/);
  assert.equal(models.json().models[0].parameters, 1_772_737);
  assert.match(cli("data", "list").stdout, /^moving-mnist {2}.*\n(.*\n)*hko7 {2}/m);
  assert.match(cli("data", "describe", "moving-mnist", "--profile", "paper").stdout, /train 10,500/);
  assert.equal(cli("data", "verify", "moving-mnist").status, 0);
  assert.equal(
    JSON.parse(cli("--json", "data", "list").stdout.trimEnd().split("\n").at(-1)!).datasets[0],
    "moving-mnist",
  );
  assert.match(cli("train", "--help", "--json").json().usage, /--out DIR/);
  const bench = cli("bench", "step", "--filters", "1", "--batch", "1", "--steps", "1", "--backend", "wasm", "--json");
  const [result] = bench.json().results;
  assert.ok(result.ours.seconds > 0 && result.gflops > 0 && result.ours.peakBytes > 1e6, bench.stderr);
  assert.match(cli("--help").stdout, /^verify /m);
  assert.match(cli("train", "--help").stdout, /--out DIR/);
});

test("the kernel specification goes where it is told", () => {
  const prefix = join(folder, "prefix");
  assert.equal(cli("kernel", "install", "--prefix", prefix).status, 0);
  assert.ok(existsSync(join(prefix, "share/jupyter/kernels/ms-rnn/kernel.json")));
});

test("wrong calls: one line, exit 2", () => {
  refuses(2, /unknown verb: frobnicate; expected one of train, /, "frobnicate");
  refuses(2, /unknown verb: toString/, "toString");
  refuses(2, /'--frob'/, "train", "--frob", "1");
  refuses(2, /expected one of --out DIR, --resume DIR, --dry-run/, "train");
  refuses(
    2,
    /iterations is "many", expected a whole number from 1/,
    "train",
    "--out",
    join(folder, "n"),
    "--iterations",
    "many",
  );
  refuses(2, /--out is empty/, "train", "--out", "");
  refuses(2, /--resume is empty/, "train", "--resume", "");
  refuses(2, /seed is -1, expected a whole number from 0/, "train", "--out", join(folder, "n"), "--seed", "-1");
  refuses(2, /batch is 0, expected/, "train", "--out", join(folder, "n"), "--batch", "0");
  refuses(2, /checkpointEvery is 0, expected/, "train", "--out", join(folder, "n"), "--checkpoint-every", "0");
  refuses(2, /unknown data set: mnist; expected one of/, "train", "--out", join(folder, "n"), "--dataset", "mnist");
  refuses(2, /one of --out/, "train", "--out", join(folder, "n"), "--dry-run");
  refuses(2, /--clips is 1, expected a whole number from 2/, "evaluate", run, "--clips", "1");
  refuses(2, /unknown --split: train; expected test or validation/, "evaluate", run, "--split", "train");
  refuses(
    2,
    /--checkpoint is last, expected newest, best or/,
    "evaluate",
    run,
    "--checkpoint",
    "last",
    "--backend",
    "cpu",
  );
  refuses(2, /unknown score: lpips; expected some of mse, mae/, "evaluate", run, "--scores", "ssim,lpips");
  refuses(2, /--horizon is 1.5/, "predict", run, "--horizon", "1.5", "--input", "x.npy", "--out", join(folder, "n"));
  refuses(2, /--filters is -3, expected a whole number from 1 to 1024/, "models", "--filters", "-3");
  refuses(2, /--steps is 0/, "bench", "step", "--steps", "0");
  refuses(2, /unknown backend: __proto__/, "verify", folder, "--backend", "__proto__");
  refuses(
    2,
    /--parameters is \[1\]/,
    "notebook",
    "run",
    "x.ipynb",
    "--out",
    join(folder, "y.ipynb"),
    "--parameters",
    "[1]",
  );
  refuses(2, /--seed cannot be changed/, "train", "--resume", run, "--seed", "3");
  refuses(2, /unknown model: LSTM/, "train", "--out", join(folder, "n"), "--model", "LSTM");
  refuses(2, /unknown profile: big/, "train", "--out", join(folder, "n"), "--profile", "big");
  refuses(2, /unknown backend: gpu/, "verify", folder, "--backend", "gpu");
  refuses(2, /expected DIR, got nothing/, "verify");
  refuses(2, /expected DIR, got one two/, "verify", "one", "two");
  refuses(2, /expected list, describe NAME, prepare NAME or verify NAME/, "data");
  refuses(2, /unknown data set: mnist/, "data", "describe", "mnist");
  refuses(2, /expected step/, "bench");
  refuses(2, /expected serve or run/, "notebook");
  refuses(2, /expected install/, "kernel", "remove");
  assert.equal(existsSync(join(folder, "n")), false);
});

test("bad data and files: one line, exit 1, nothing made", () => {
  const out = join(folder, "n");
  refuses(1, /frames are 30x30, .* divisible by 4/, "train", "--out", out, "--profile", "quick", "--size", "30");
  refuses(1, /exists already/, "train", "--out", run, ...small);
  refuses(1, /config\.json not found/, "evaluate", join(folder, "none"));
  const inFile = join(folder, "in-file");
  writeFileSync(inFile, "");
  refuses(1, /is a file, expected a folder/, "train", "--out", inFile, ...small);
  refuses(1, /cannot write/, "train", "--out", join(inFile, "below"), ...small);
  refuses(1, /cannot write/, "train", "--out", "/proc/ms-rnn", ...small);
  refuses(1, /cannot write the kernel specification/, "kernel", "install", "--prefix", inFile);
  refuses(1, /notebook not found/, "notebook", "run", "none.ipynb", "--out", join(folder, "y.ipynb"));
  refuses(1, /no such file or folder of digits/, "train", "--out", out, "--data", join(folder, "none"));

  const digits = join(folder, "digits");
  mkdirSync(digits);
  refuses(1, /expected a file train-images-idx3-ubyte/, "train", "--out", out, "--data", digits);
  const idx = Buffer.alloc(16 + 3 * 784);
  idx.set([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28]);
  const path = join(digits, "train-images-idx3-ubyte");
  writeFileSync(path, idx);
  truncateSync(path, 1000);
  refuses(1, /train-images-idx3-ubyte.*2368.*1000/, "train", "--out", out, "--data", digits);

  const npy = join(folder, "bad.npy");
  const predict = ["predict", run, "--input", npy, "--out", join(folder, "bad-out.npy"), "--backend", "cpu"];
  writeNpy(npy, { shape: [1, 2, 16, 16, 3], data: new Float32Array(1536) });
  refuses(1, /context has 3 channels, but the model was built for 1 \(MS-ConvLSTM\)/, ...predict);
  writeNpy(npy, { shape: [2, 16, 16], data: new Float32Array(512).fill(Number.NaN, 300, 301) });
  refuses(1, /expected finite values, got NaN at clip 0, frame 1, row 2, column 12, channel 0/, ...predict);
  writeNpy(npy, { shape: [4], data: new Float32Array(4) });
  refuses(1, /is \[4\], expected \[batch, time/, ...predict);
  truncateSync(npy, 30);
  refuses(1, /bad\.npy/, ...predict);
  refuses(1, /.*/, "predict", run, "--input", join(folder, "none.npy"), "--out", join(folder, "bad-out.npy"));
  assert.equal(existsSync(join(folder, "bad-out.npy")), false);
  assert.equal(existsSync(out), false);
});

test("--json gives errors as JSON too, as the last line", () => {
  const { status, json } = cli("frobnicate", "--json");
  assert.equal(status, 2);
  assert.match(json().error, /unknown verb/);
});
