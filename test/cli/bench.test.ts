import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { enginePath, loadNative, type Native } from "#src/backend/onednn/native";
import type { Profile } from "#src/bench/profile";

const folder = mkdtempSync(join(tmpdir(), "bench-"));
after(() => rmSync(folder, { recursive: true }));

function bench(args: string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", "bench", ...args, "--json"], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  const json = () => {
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  };
  return { status, stdout, stderr, json };
}

/** A peer that says what it is told to, run in the place of Python. */
function fakePeer(name: string, answers: string): NodeJS.ProcessEnv {
  const path = join(folder, name);
  const program = `#!${process.execPath}
const say = (values) => console.log(JSON.stringify(values));
say({ version: "0", threads: Number(process.argv[4]), blas: "/lib/blas/libblas.so.3", models: ["MS-ConvLSTM"] });
require("readline").createInterface(process.stdin).on("line", (line) => {
  const request = JSON.parse(line);
  say((${answers})[request.do](request));
});`;
  writeFileSync(path, program, { mode: 0o755 });
  return { MS_RNN_PYTHON: path };
}

const engine = existsSync(enginePath()) ? (loadNative() as Native) : undefined;
const withoutHalf = engine?.bf16 ? false : "no engine here that multiplies in bfloat16";
const torch = spawnSync("/usr/bin/python3", ["-c", "import torch"]).status === 0 ? false : "PyTorch is not installed";
const tiny = ["--size", "8", "--filters", "4", "--repeats", "1", "--seconds", "0.01", "--backend", "cpu"];
const tinyStep = ["step", "--size", "32", "--filters", "2", "--batch", "1", "--steps", "2", "--backend", "wasm"];

test("wrong arguments are refused in one line", () => {
  const wrong: [RegExp, ...string[]][] = [
    [/expected step or op/, "lap"],
    [/unknown peer: numpy; expected pytorch/, "op", "--peer", "numpy"],
    [/--only xyz matches no operation; there are conv/, "op", "--only", "xyz"],
    [/--size is 10 and --filters 64, expected multiples of 4/, "op", "--size", "10"],
    [/--repeats is 0/, "op", "--repeats", "0"],
    [/--seconds is -1, expected 0 or more/, "op", "--seconds", "-1"],
    [/unknown workload: huge; expected one of small, paper/, "step", "--workload", "small,huge"],
    [/unknown model: LSTM; expected one of/, "step", "--model", "ConvLSTM,LSTM"],
    [/--variants are the peer's: expected --peer pytorch/, "step", "--variants", "f32"],
    [/unknown variant: f16; expected one of f32, joined, bf16/, "step", "--peer", "pytorch", "--variants", "f16"],
    [/--steps is 1, expected a whole number from 2/, "soak", "--steps", "1"],
    [/unknown model: LSTM; expected one of/, "soak", "--model", "LSTM"],
    [/unknown --vary: width; expected some of size, filters, steps, layers, batch/, "scale", "--vary", "size,width"],
    [/--values has 2\.5, expected whole numbers from 1/, "scale", "--vary", "size", "--values", "16,2.5"],
    [/--values: expected one name after --vary/, "scale", "--values", "16"],
    [/--clips is 0, expected a whole number from 1/, "score", "--clips", "0"],
    [/--times is 0, expected a whole number from 1/, "prefetch", "--times", "0"],
  ];
  for (const [message, ...args] of wrong) {
    const { status, stderr } = bench(args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }
});

test("every operation runs, and is told with its passes", () => {
  const { stdout, json } = bench(["op", ...tiny]);
  const { results, peak, backend, threads, otherCores, processor } = json();
  assert.deepEqual([peak, backend], [null, "cpu"]);
  assert.ok(threads >= 1 && otherCores >= 0 && processor);
  const names = results.map(({ op }: { op: string }) => op);
  assert.equal(new Set(names).size, names.length);
  for (const start of ["conv 3x3", "conv 1x1", "conv 5x5", "conv 2x2", "transposed conv", "matMul", "max-pool 2"]) {
    assert.ok(names.some((name: string) => name.startsWith(start)));
  }
  for (const { op, ours, repeats, rates } of results) {
    assert.ok(ours.forward > 0 && Object.values(ours).every((seconds) => Number.isFinite(seconds)), op);
    assert.deepEqual(Object.keys(repeats), Object.keys(ours));
    assert.deepEqual(Object.keys(rates), Object.keys(ours));
    if (/conv|matMul/.test(op)) {
      assert.deepEqual(Object.keys(ours), ["forward", "inputGradient", "weightGradient", "together"]);
    } else if (!/bias|Adam/.test(op)) assert.ok(ours.together > 0, op);
  }
  const [first] = results;
  assert.equal(first.op, "conv 3x3 8->16, 8x8");
  // 2 · 9 · 8 · 16 · 64 operations forward; gradients for both operands as much again, each
  const forward = 2 * 9 * 8 * 16 * 64;
  assert.ok(Math.abs(first.rates.forward.gflops * first.ours.forward * 1e9 - forward) < 1);
  assert.ok(Math.abs(first.gflops * first.ours.together * 1e9 - 3 * forward) < 1);
  assert.match(stdout, /^\| conv 3x3 8->16, 8x8 /m);
});

test("a peer is timed in turn; the faster of its layouts counts, and slow libraries are marked", () => {
  const env = fakePeer(
    "timer",
    `{
      prepare: ({ operation }) => ({ layouts: operation.inputs.length === 1 ? ["nchw", "channelsLast"] : ["nchw"] }),
      time: ({ layout, calls }) => ({ seconds: layout === "nchw" ? 2 : 0.5 }),
    }`,
  );
  const { stdout, json, stderr } = bench(["op", "--peer", "pytorch", "--only", "4x", ...tiny], env);
  const { results, peer } = json();
  assert.equal(peer.referenceBlas, true);
  assert.match(stderr, /slow reference BLAS; apt-get install libopenblas0-pthread/);
  for (const { op, ours, peers, ratio, ratios, peerNeedsBlas, shape } of results) {
    const expected = shape.length === 1 ? 0.5 : 2;
    assert.equal(peers.pytorch.forward, expected, op);
    assert.equal(peers.pytorch.layouts.forward, shape.length === 1 ? "channelsLast" : "nchw");
    assert.equal(ratios.forward, expected / ours.forward);
    assert.equal(ratio, ratios[ours.together ? "together" : "forward"]);
    assert.equal(peerNeedsBlas, /matMul|transposed/.test(op));
  }
  assert.match(stdout, /^\| transposed .*† \|$/m);
  assert.match(stdout, /^\| conv 3x3 .*\d \|$/m);
});

test("without PyTorch one line says what to install", () => {
  for (const args of [["op", ...tiny], tinyStep]) {
    const { status, stderr } = bench([...args, "--peer", "pytorch"], { MS_RNN_PYTHON: "/nonexistent/python3" });
    assert.equal(status, 1);
    const lines = stderr.trim().split("\n");
    assert.equal(lines.length, 2, stderr);
    assert.match(lines[1], /^ms-rnn: PyTorch is not installed for .*: apt-get install python3-torch/);
  }
});

test("a peer with another loss is no peer", () => {
  const env = fakePeer("liar", `{ start: () => ({}), step: () => ({ seconds: 1, loss: 1 }) }`);
  const { status, stderr } = bench([...tinyStep, "--peer", "pytorch"], env);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /the peer's loss of step 1 is 1, ours [\d.]+: expected a relative difference below 0\.0001 \(MS-/,
  );
  const other = bench([...tinyStep, "--peer", "pytorch", "--model", "MS-ConvLSTM-FC"], env);
  assert.equal(other.status, 1);
  assert.match(other.stderr, /the peer has no MS-ConvLSTM-FC; it has MS-ConvLSTM/);
});

test("steps of several models, alone and beside a busy process", () => {
  const { results } = bench([...tinyStep, "--model", "MS-ConvLSTM,ConvLSTM", "--busy"]).json();
  assert.deepEqual(
    results.map(({ model }: { model: string }) => model),
    ["MS-ConvLSTM", "ConvLSTM"],
  );
  for (const { ours, gflops, peers, ratio, otherCores } of results) {
    assert.ok(ours.seconds > 0 && ours.peakBytes > 1e7 && gflops > 0);
    assert.equal(ours.busy.ratio, ours.busy.seconds / ours.seconds);
    assert.deepEqual([peers, ratio, otherCores], [undefined, undefined, undefined]);
  }
});

test("a profile is of recorded steps, and so is rematerialising", () => {
  for (const option of ["--profile", "--rematerialize"]) {
    const { status, stderr } = bench([...tinyStep, option]);
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`^ms-rnn: ${option}: steps are recorded on onednn, not on wasm$`, "m"));
  }
});

test("a profile adds up to one replay", { skip: !existsSync(enginePath()) && "no engine" }, () => {
  const { stdout, json } = bench([...tinyStep, "--backend", "onednn", "--profile"]);
  const [{ profile }] = json().results;
  const { byOperation, byLayer } = profile as Profile;
  assert.deepEqual(
    byLayer.map(({ layer }) => layer),
    [-1, 0, 1, 2, 3, 4, 5],
  );
  for (const rows of [byOperation, byLayer]) {
    for (const { seconds, forwardSeconds, backwardSeconds, commands } of rows) {
      assert.ok(seconds >= 0 && commands >= 1 && Math.abs(forwardSeconds + backwardSeconds - seconds) < 1e-9);
    }
  }
  const commands = (rows: readonly { commands: number }[]) => rows.reduce((sum, row) => sum + row.commands, 0);
  assert.equal(commands(byOperation), commands(byLayer));
  const of = (name: string) => byOperation.find(({ operation }) => operation === name)!;
  assert.equal(of("Conv2DBackpropFilter").forwardSeconds, 0);
  assert.ok(of("FusedConv2D").forwardSeconds > 0);
  assert.match(stdout, /^\| Conv2DBackpropFilter /m);
});

test("steps in bfloat16 say how far they are from float32", { skip: withoutHalf }, () => {
  const args = ["step", "--size", "16", "--filters", "16", "--batch", "1", "--steps", "1", "--precision", "bf16"];
  const [{ deviation }] = bench(args).json().results;
  assert.ok(deviation.loss > 0 && deviation.loss < 0.01, `loss ${deviation.loss}`);
  assert.ok(deviation.gradient > 1e-4 && deviation.gradient < 0.1, `${deviation.gradient} of ${deviation.weight}`);
});

test("every kind of score is timed, and all in one pass", () => {
  const { stdout, json } = bench(["score", "--clips", "2"]);
  const { clips, results, all } = json();
  const names = results.map(({ name }: { name: string }) => name);
  assert.equal(clips, 2);
  for (const name of ["mse", "ssim", "msSsim", "psnr", "persistenceSkill", "csi", "fss"])
    assert.ok(names.includes(name), name);
  assert.equal(
    results.reduce((sum: number, { scores }: { scores: number }) => sum + scores, 0),
    all.scores,
  );
  for (const { seconds } of [...results, all]) assert.ok(seconds > 0);
  assert.match(stdout, /^\| all /m);
});

test("training with and without batches made ahead is the same training", () => {
  const few = [
    "--filters",
    "2",
    "--size",
    "32",
    "--batch",
    "1",
    "--steps",
    "2",
    "--repeats",
    "1",
    "--model",
    "ConvLSTM",
  ];
  const { stdout, json } = bench(["prefetch", ...few, "--times", "3", "--backend", "wasm"]);
  const { loading, training, inTurn, ahead, hidden, sameLoss, times } = json();
  assert.deepEqual([sameLoss, times], [true, 3]);
  assert.ok([loading, training, inTurn, ahead].every((seconds) => seconds > 0));
  assert.equal(hidden, (inTurn - ahead) / loading);
  assert.match(stdout, /^\| the next batch made during a step /m);
});

test("PyTorch's step is the same training", { skip: torch }, () => {
  const models = ["MS-ConvLSTM", "MS-PredRNN++", "MS-MotionRNN"];
  const short = ["--filters", "4", "--size", "16", "--context", "2", "--horizon", "2", "--model", models.join()];
  const { results } = bench([...tinyStep, ...short, "--peer", "pytorch"]).json();
  assert.deepEqual(
    results.map(({ workload, model }: { workload: string; model: string }) => `${workload} ${model}`),
    models.map((model) => `small ${model}`),
  );
  for (const { ours, peers, ratio, memoryRatio, otherCores } of results) {
    assert.equal(ratio, peers.f32.seconds / ours.seconds);
    assert.equal(memoryRatio, ours.peakBytes / peers.f32.peakBytes);
    assert.ok(peers.f32.peakBytes > 1e7 && otherCores >= 0);
    assert.ok(peers.f32.lossDifference < 1e-4, `${peers.f32.lossDifference}`);
    for (const { writing, seconds } of [peers.f32, peers.joined, peers.bf16]) {
      assert.match(writing, /^(nchw|channelsLast)(, joined)?$/);
      assert.ok(seconds > 0);
    }
  }
});

test("of PyTorch only what is asked for is timed", { skip: torch }, () => {
  const short = ["--filters", "4", "--size", "16", "--context", "2", "--horizon", "2", "--model", "MS-ConvLSTM"];
  const { stdout, json } = bench([...tinyStep, ...short, "--peer", "pytorch", "--variants", "f32"]);
  assert.deepEqual(Object.keys(json().results[0].peers), ["f32"]);
  assert.match(stdout, /\| memory ratio \|$/m);
});

test("PyTorch computes every operation and pass", { skip: torch }, () => {
  const { results } = bench(["op", ...tiny, "--peer", "pytorch"]).json();
  for (const { op, ours, peers, ratios } of results) {
    assert.deepEqual(Object.keys(ratios), Object.keys(ours), op);
    assert.ok(Object.keys(ours).every((pass) => peers.pytorch[pass] > 0));
  }
});

test("dry-run: predictions beside what then happens; further off than the limits is exit 1", () => {
  const few = ["--model", "ConvLSTM", "--iterations", "3", "--filters", "2", "--backend", "wasm"];
  const { status, stdout, stderr } = bench(["dry-run", ...few]);
  const { results, kept } = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  const [{ model, predicted, real, timeRatio, memoryRatio }] = results;
  assert.equal(model, "ConvLSTM", stderr);
  for (const cost of [predicted, real]) assert.ok(cost.seconds > 0 && cost.peakBytes > 5e7);
  assert.equal(timeRatio, predicted.seconds / real.seconds);
  const within = Math.abs(timeRatio - 1) <= 0.35 && Math.abs(memoryRatio - 1) <= 0.2;
  assert.deepEqual([kept, status], [within, within ? 0 : 1]);
  assert.match(bench(["dry-run", "--model", "LSTM"]).stderr, /unknown model: LSTM/);
});
