import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { backendNames, chooseBackend } from "#src/backend/choose";
import { enginePath } from "#src/backend/onednn/native";

test("without a wish the fastest that is there is taken, and the line says so", async () => {
  const saved = process.env.MS_RNN_BACKEND;
  delete process.env.MS_RNN_BACKEND;
  const { name, line } = await chooseBackend();
  assert.equal(tf.getBackend(), name);
  assert.ok(backendNames().includes(name));
  assert.ok(backendNames().indexOf(name) <= backendNames().indexOf("wasm"), line);
  assert.match(line, new RegExp(`^backend: ${name} `));
  process.env.MS_RNN_BACKEND = "cpu";
  assert.equal((await chooseBackend()).name, "cpu");
  assert.equal(tf.getBackend(), "cpu");
  assert.equal((await chooseBackend("wasm")).name, "wasm");
  assert.equal(tf.getBackend(), "wasm");
  if (saved === undefined) delete process.env.MS_RNN_BACKEND;
  else process.env.MS_RNN_BACKEND = saved;
});

test("an unknown backend is a wrong call; one that is not there is never replaced by another", async () => {
  await assert.rejects(chooseBackend("quantum"), {
    name: "UsageError",
    message: /unknown backend: quantum; expected one of/,
  });
  const there = (() => {
    try {
      require.resolve("@tensorflow/tfjs-node-gpu");
      return true;
    } catch {
      return false;
    }
  })();
  if (!there) await assert.rejects(chooseBackend("tensorflow"), { name: "UserError", message: /not installed/ });
});

/** The line of another process, where the engine is what a path says. */
function lineOf(engine: string, wish?: string): string {
  const code = `require(${JSON.stringify(require.resolve("#src/backend/choose"))}).chooseBackend().then(
    ({ line }) => console.log(line), (error) => console.log("error: " + error.message))`;
  const { MS_RNN_BACKEND: _, ...rest } = process.env;
  const env = { ...rest, MS_RNN_ENGINE: engine, ...(wish === undefined ? {} : { MS_RNN_BACKEND: wish }) };
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", code], { encoding: "utf8", env, timeout: 60_000 });
  assert.equal(stderr, "");
  return stdout.trim();
}

const withoutCard = (() => {
  try {
    require.resolve("@tensorflow/tfjs-node-gpu");
    return "tfjs-node-gpu is installed";
  } catch {
    return false;
  }
})();

const built = existsSync(enginePath());

test("the line of the engine says what computes, and nothing of what is absent", {
  skip: withoutCard || !built,
}, () => {
  const version = tf.version_core.replaceAll(".", "\\.");
  const engine = "oneDNN 2\\.\\d+\\.\\d+, (generic|avx2|avx512), \\d+ threads?";
  assert.match(lineOf(enginePath()), new RegExp(`^backend: onednn \\(${engine}; tfjs ${version}\\)$`));
});

test("without the engine, wasm's line says how to get it; a wish for wasm needs no advice", {
  skip: withoutCard,
}, () => {
  const line = lineOf(join(__dirname, "absent.node"));
  assert.match(line, /^backend: wasm \(tfjs [0-9.]+\); the engine is not built/);
  if (process.platform === "linux") {
    assert.match(
      line,
      /: apt-get install g\+\+ libdnnl-dev, then npm run setup, makes training about \d+ times faster$/,
    );
  }
  assert.match(lineOf(join(__dirname, "absent.node"), "wasm"), /^backend: wasm \(tfjs [0-9.]+\)$/);
  assert.match(lineOf(join(__dirname, "absent.node"), "onednn"), /^error: .*cannot be used: the engine is not built/);
});

test("an engine that does not load is passed over with its reason", { skip: withoutCard }, () => {
  const broken = join(mkdtempSync(join(tmpdir(), "ms-rnn-choose-")), "broken.node");
  writeFileSync(broken, "no library");
  after(() => rmSync(dirname(broken), { recursive: true, force: true }));
  assert.match(lineOf(broken), /^backend: wasm .*; the engine does not load: /);
});
