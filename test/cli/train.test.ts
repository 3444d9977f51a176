import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { settingNames, settingRules } from "#src/settings";

const folder = mkdtempSync(join(tmpdir(), "cli-train-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

function cli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", ...args], { encoding: "utf8" });
  return { status, stdout, stderr, json: () => JSON.parse(stdout.trimEnd().split("\n").at(-1)!) };
}

function refuses(status: 1 | 2, message: RegExp, ...args: string[]) {
  const result = cli(...args);
  assert.equal(result.status, status, `${args.join(" ")}: ${result.stderr}`);
  const lines = result.stderr.split("\n").filter((line) => line !== "" && !line.startsWith("backend: "));
  assert.equal(lines.length, 1, result.stderr);
  assert.match(lines[0], message);
}

const tiny = [
  "--profile",
  "quick",
  "--size",
  "16",
  "--filters",
  "2",
  "--context",
  "3",
  "--horizon",
  "2",
  "--batch",
  "2",
];
const onWasm = ["--backend", "wasm"];
const settingsOf = (run: string) => JSON.parse(readFileSync(join(run, "config.json"), "utf8")).settings;

test("every setting is an option of the command line, in --help too", () => {
  const { stdout } = cli("train", "--help");
  for (const name of settingNames) {
    const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    assert.ok(stdout.includes(`[${option}${settingRules[name].flag ? "]" : " "}`), option);
  }
});

test("options over the config file over the profile", () => {
  const config = at("config.json");
  const recipe = { optimizer: "adamW", weightDecay: 0.05, clipNorm: 1, iterations: 9, loss: { mse: 1, mae: 0.5 } };
  writeFileSync(config, JSON.stringify({ profile: "quick", size: 16, filters: 2, context: 3, horizon: 2, ...recipe }));
  const { status, stderr } = cli("train", "--out", at("file"), "--config", config, "--iterations", "2", ...onWasm);
  assert.equal(status, 0, stderr);
  const settings = settingsOf(at("file"));
  assert.deepEqual([settings.iterations, settings.batch, settings.optimizer], [2, 2, "adamW"]);
  assert.deepEqual([settings.weightDecay, settings.clipNorm, settings.loss], [0.05, 1, { mse: 1, mae: 0.5 }]);
});

test("either way to say how long replaces the other one of the file", () => {
  const config = at("long.json");
  for (const [file, option, expected] of [
    [{ iterations: 7 }, ["--epochs", "4e-7"], 2],
    [{ epochs: 1 }, ["--iterations", "3"], 3],
  ] as const) {
    writeFileSync(config, JSON.stringify(file));
    const { status, json, stderr } = cli(
      "train",
      "--dry-run",
      "--config",
      config,
      ...tiny,
      ...option,
      "--json",
      ...onWasm,
    );
    assert.equal(status, 0, stderr);
    assert.equal(json().iterations, expected);
  }
  refuses(2, /expected either iterations or epochs/, "train", "--dry-run", "--epochs", "1", "--iterations", "3");
});

test("settings of the command line arrive as what they are", () => {
  const recipe = ["--loss", "mse=0.5,mae=1", "--loss-on", "horizon", "--sampling", "reverse", "--patch", "2"];
  const more = ["--warm-up", "1", "--schedule", "one-cycle", "--average-decay", "0.9", "--iterations", "2"];
  const { status, stderr } = cli("train", "--out", at("options"), ...tiny, ...recipe, ...more, ...onWasm);
  assert.equal(status, 0, stderr);
  const { loss, lossOn, sampling, patch, warmUp, schedule, averageDecay } = settingsOf(at("options"));
  assert.deepEqual(
    [loss, lossOn, sampling, patch, warmUp, schedule, averageDecay],
    [{ mse: 0.5, mae: 1 }, "horizon", "reverse", 2, 1, "one-cycle", 0.9],
  );
  assert.equal(cli("evaluate", at("options"), "--clips", "2", ...onWasm).status, 0);
});

test("a data set of the catalogue, on its stand-in, with validation, best checkpoint and an early end", () => {
  const data = ["--profile", "quick", "--dataset", "taxibj", "--stand-in", "--context", "2", "--horizon", "2"];
  const recipe = ["--filters", "2", "--iterations", "40", "--optimizer", "sgd", "--learning-rate", "1e-12"];
  const looks = ["--validate-every", "1", "--validation-clips", "2", "--patience", "2", "--json"];
  const { status, stderr, stdout, json } = cli("train", "--out", at("taxi"), ...data, ...recipe, ...looks, ...onWasm);
  assert.equal(status, 0, stderr);
  assert.ok(json().early && json().iteration < 40, stdout);
  assert.match(stderr, /iteration 1: validation MSE [\d.e+-]+, the best so far/);
  const scored = cli("evaluate", at("taxi"), "--clips", "2", "--checkpoint", "best", "--json", ...onWasm);
  assert.equal(scored.status, 0, scored.stderr);
  assert.ok(scored.json().iteration < json().iteration);
});

test("without a profile it is the paper's protocol", () => {
  const few = [
    "--filters",
    "2",
    "--size",
    "32",
    "--batch",
    "1",
    "--context",
    "2",
    "--horizon",
    "2",
    "--iterations",
    "1",
  ];
  const { status, stderr } = cli("train", "--out", at("paper"), ...few, ...onWasm);
  assert.equal(status, 0, stderr);
  const { variant, learningRate, schedule, loss, seed } = settingsOf(at("paper"));
  assert.deepEqual(
    [variant, learningRate, schedule, loss, seed],
    ["paper", 3e-4, "constant", { mse: 1, mae: 1 }, 2022],
  );
});

test("a dry run tells what a training would cost, and writes nothing", () => {
  const { status, stdout, json } = cli("train", "--dry-run", ...tiny, "--json", ...onWasm);
  assert.equal(status, 0);
  const told = json();
  assert.equal(told.parameters, 1831);
  assert.deepEqual([told.iterations, told.iterationsPerEpoch], [12, 5_000_000]);
  assert.ok(told.stepSeconds > 0 && told.peakBytes > 5e7);
  assert.equal(told.epochSeconds, told.stepSeconds * 5_000_000);
  assert.match(
    stdout,
    /1,831 parameters, .* multiply-adds[\s\S]*an epoch of 5,000,000 steps[\s\S]*nothing was written/,
  );
});

test("wrong settings: one line with the nearest known name, exit 2, nothing made", () => {
  const out = ["--out", at("none")];
  const config = at("wrong.json");
  const file = (content: unknown) => writeFileSync(config, JSON.stringify(content));
  file({ learningrate: 1 });
  refuses(2, /unknown setting: learningrate; did you mean learningRate\?/, "train", ...out, "--config", config);
  file([]);
  refuses(1, /wrong\.json: expected an object of settings/, "train", ...out, "--config", config);
  writeFileSync(config, "{");
  refuses(1, /config file is not JSON/, "train", ...out, "--config", config);
  refuses(1, /config file not found/, "train", ...out, "--config", at("missing.json"));
  refuses(2, /'--learningrate'.*did you mean --learning-rate\?/, "train", ...out, "--learningrate", "1");
  refuses(2, /context is 0, expected a whole number from 1/, "train", ...out, "--context", "0");
  refuses(2, /horizon is 0, expected a whole number from 1/, "train", ...out, "--horizon", "0");
  refuses(2, /loss is .*, expected weights/, "train", ...out, "--loss", "mse");
  refuses(2, /optimizer is "lion", expected adam or adamW or sgd/, "train", ...out, "--optimizer", "lion");
  refuses(2, /momentum needs optimizer sgd/, "train", ...out, "--momentum", "0.9");
  refuses(
    2,
    /size is 64, but the frames of kth have their own/,
    "train",
    ...out,
    "--dataset",
    "kth",
    "--size",
    "64",
    "--stand-in",
  );
  refuses(2, /--config cannot be changed/, "train", "--resume", at("file"), "--config", config);
  refuses(
    1,
    /expected at least one clip in validation|variant|expected its files/,
    "train",
    ...out,
    "--dataset",
    "bikenyc",
  );
  assert.equal(existsSync(at("none")), false);
});

test("checkpoints that do not belong to their run: another model, another shape, another optimiser", () => {
  const misfit = (name: string, changes: object, message: RegExp) => {
    const run = at(name);
    cpSync(at("file"), run, { recursive: true });
    const config = JSON.parse(readFileSync(join(run, "config.json"), "utf8"));
    writeFileSync(
      join(run, "config.json"),
      JSON.stringify({ ...config, settings: { ...config.settings, ...changes } }),
    );
    refuses(1, message, "train", "--resume", run, ...onWasm);
    refuses(1, message, "evaluate", run, "--clips", "2", ...onWasm);
  };
  misfit("model", { model: "ConvLSTM" }, /is a checkpoint of MS-ConvLSTM, expected one of ConvLSTM/);
  misfit("shape", { filters: 3 }, /is \[1,1,1,2\], but the model expects \[1,1,1,3\]/);
  misfit("optimizer", { optimizer: "sgd" }, /is of adamW, expected sgd/);
});
