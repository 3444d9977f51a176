import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { model } from "#src/models";
import { experiment, prepare } from "#src/profiles";
import { random } from "#src/random";
import { checkpointConfig, loadCheckpoint, saveCheckpoint } from "#src/train/checkpoint";
import { createRun, latestState, openRun } from "#src/train/run";
import { startState } from "#src/train/trainer";
import { leaves, mapTree } from "#src/tree";
import { readSafetensors, writeSafetensors } from "#src/weights/safetensors";

const folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
after(() => rmSync(folder, { recursive: true }));

const frame = { height: 8, width: 8, channels: 1 };
const network = model("ConvLSTM", { filters: 2, frame });

test("a state comes back as it was, with its settings", async () => {
  await chooseBackend("cpu");
  const fresh = startState(network, 5);
  const state = { ...fresh, iteration: 12, second: mapTree(fresh.params, (leaf) => tf.square(leaf)) };
  const path = join(folder, "state.safetensors");
  await saveCheckpoint(path, network, state, { filters: 2 });
  const back = loadCheckpoint(path, network);
  assert.equal(back.iteration, 12);
  assert.deepEqual(checkpointConfig(path), { filters: 2 });
  for (const part of ["params", "first", "second"] as const) {
    const all = (s: typeof state) => leaves(s[part]).map(([name, leaf]) => [name, leaf.shape, [...leaf.dataSync()]]);
    assert.deepEqual(all(back), all(state));
  }
});

test("other models, other shapes and any changed byte are refused in one line", async () => {
  await chooseBackend("cpu");
  const path = join(folder, "good.safetensors");
  await saveCheckpoint(path, network, startState(network, 5));
  const before = tf.memory().numTensors;
  const refuse = (other: typeof network, message: RegExp, at = path) =>
    assert.throws(() => loadCheckpoint(at, other), { name: "UserError", message });
  refuse(model("MS-ConvLSTM", { filters: 2, frame }), /is a checkpoint of ConvLSTM, expected one of MS-ConvLSTM/);
  refuse(
    model("ConvLSTM", { filters: 3, frame }),
    /params\.embed\.kernel is \[1,1,1,2\], but the model expects \[1,1,1,3\]/,
  );
  refuse(network, /not found/, join(folder, "missing.safetensors"));
  const { tensors, metadata } = readSafetensors(path);
  const { sha256: _, ...without } = metadata;
  for (const [name, other] of Object.entries({ without, later: { ...metadata, iteration: "7" } })) {
    const forged = join(folder, `${name}.safetensors`);
    writeSafetensors(forged, tensors, other);
    refuse(network, /is damaged: expected checksum/, forged);
  }
  const bytes = readFileSync(path);
  const draw = random("mutations");
  for (let i = 0; i < 200; i++) {
    const mutated = Buffer.from(bytes);
    const at = Math.floor(draw() * mutated.length);
    mutated[at] ^= 1 << Math.floor(draw() * 8);
    const damaged = join(folder, "damaged.safetensors");
    writeFileSync(damaged, i % 10 === 9 ? bytes.subarray(0, at) : mutated);
    try {
      loadCheckpoint(damaged, network);
      // White space of the header is the one thing that may differ.
      assert.fail(`byte ${at} was changed and nobody noticed`);
    } catch (error) {
      assert.equal((error as Error).name, "UserError", `byte ${at}: ${(error as Error).message}`);
    }
  }
  assert.equal(tf.memory().numTensors, before);
});

test("a run folder: settings and newest state come back, an existing folder is never reused", async () => {
  await chooseBackend("cpu");
  const settings = experiment("quick", { filters: 2, size: 8, seed: 9 });
  const path = join(folder, "run");
  const run = createRun(path, settings, "cpu");
  assert.throws(() => latestState(openRun(path)), { name: "UserError", message: /has no checkpoint yet/ });
  const { model: small } = prepare(settings);
  const state = startState(small, 9);
  await run.checkpoint(small, { ...state, iteration: 9 });
  await run.checkpoint(small, { ...state, iteration: 10 });
  run.log({ kind: "step", iteration: 1 });
  run.log({ kind: "step", iteration: 2 });
  const opened = openRun(path);
  assert.deepEqual(opened.settings, settings);
  assert.equal(latestState(opened).state.iteration, 10);
  assert.equal(
    readFileSync(join(path, "log.jsonl"), "utf8"),
    '{"kind":"step","iteration":1}\n{"kind":"step","iteration":2}\n',
  );
  assert.throws(() => createRun(path, settings, "cpu"), { name: "UserError", message: /exists already/ });
  const file = join(folder, "file");
  writeFileSync(file, "");
  assert.throws(() => createRun(file, settings, "cpu"), { name: "UserError", message: /is a file, expected a folder/ });
  for (const config of [
    "[]",
    "null",
    "{}",
    '{"settings":null}',
    '{"settings":[]}',
    '{"settings":{"model":"ConvLSTM"}}',
  ]) {
    writeFileSync(join(path, "config.json"), config);
    assert.throws(() => openRun(path), {
      name: "UserError",
      message: /config\.json (has no settings|lacks the setting)/,
    });
  }
  assert.throws(() => openRun(join(folder, "none")), { name: "UserError", message: /config\.json not found/ });
});
