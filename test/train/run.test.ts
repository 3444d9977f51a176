import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import { prepare } from "#src/prepare";
import { experiment } from "#src/profiles";
import { checkpointsOf, createRun, openRun, requireSameData, saveState, stateOf } from "#src/train/run";
import { startState } from "#src/train/state";

const folder = mkdtempSync(join(tmpdir(), "run-"));
after(() => rmSync(folder, { recursive: true }));

const quick = (changes: Parameters<typeof experiment>[1] = {}) =>
  prepare(experiment("quick", { filters: 2, size: 16, seed: 9, context: 2, horizon: 2, ...changes }));

test("a run folder: settings and states come back, an existing folder is never reused", async () => {
  await chooseBackend("cpu");
  const prepared = await quick();
  const path = join(folder, "run");
  const run = await createRun(path, prepared, "cpu");
  assert.throws(() => stateOf(openRun(path)), { name: "UserError", message: /has no checkpoint yet/ });
  const state = startState(prepared.model, 9);
  const best = { iteration: 2, best: { iteration: 1, score: 3 }, since: 1 };
  for (const iteration of [0, 1]) await saveState(run, prepared.model, { ...state, iteration });
  for (const iteration of [2, 3, 4]) await saveState(run, prepared.model, { ...state, iteration, validated: best });
  // The last two, and the best.
  assert.deepEqual(checkpointsOf(run), [1, 3, 4]);
  const opened = openRun(path);
  assert.deepEqual(opened.settings, prepared.settings);
  assert.equal(stateOf(opened).state.iteration, 4);
  assert.equal(stateOf(opened, "best").state.iteration, 1);
  assert.equal(stateOf(opened, 3).state.iteration, 3);
  assert.throws(() => stateOf(opened, 2), { message: /has no checkpoint of iteration 2; it has 1, 3, 4$/ });
  await assert.rejects(createRun(path, prepared, "cpu"), { name: "UserError", message: /exists already/ });
  const file = join(folder, "file");
  writeFileSync(file, "");
  await assert.rejects(createRun(file, prepared, "cpu"), { message: /is a file, expected a folder/ });
  const both = await Promise.allSettled([0, 1].map(() => createRun(join(folder, "both"), prepared, "cpu")));
  assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
});

test("config.json says all that a run depends on", async () => {
  await chooseBackend("cpu");
  const path = join(folder, "told");
  await createRun(path, await quick(), "cpu");
  const config = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
  const { settings, frame, backend, data, node, tfjs, msRnn, threads, started } = config;
  assert.equal(settings.filters, 2);
  assert.deepEqual(frame, { height: 16, width: 16, channels: 1 });
  assert.match(data.sha256, /^[0-9a-f]{64}$/);
  assert.ok([backend, node, tfjs, msRnn, started].every((text) => typeof text === "string") && threads >= 1);
  assert.ok(!readdirSync(path).some((name) => name.endsWith(".tmp")));
});

test("a damaged newest checkpoint is refused, and the one before it is named", async () => {
  await chooseBackend("cpu");
  const prepared = await quick();
  const path = join(folder, "damaged");
  const run = await createRun(path, prepared, "cpu");
  const state = startState(prepared.model, 9);
  for (const iteration of [5, 6]) await saveState(run, prepared.model, { ...state, iteration });
  truncateSync(join(path, "checkpoint", "6.safetensors"), 500);
  assert.throws(() => stateOf(run), {
    name: "UserError",
    message: /6\.safetensors.*; the run can go on from iteration 5 once .*6\.safetensors is moved away$/,
  });
  truncateSync(join(path, "checkpoint", "5.safetensors"), 500);
  assert.throws(() => stateOf(run, 5), /5\.safetensors((?!go on).)*$/);
  assert.throws(() => stateOf(run, "best"), { name: "UserError" });
});

test("a run goes on with the data it began with, or not at all", async () => {
  await chooseBackend("cpu");
  const prepared = await quick();
  const run = await createRun(join(folder, "data"), prepared, "cpu");
  await requireSameData(run, prepared.dataset);
  const { dataset } = await quick({ size: 20 });
  await assert.rejects(
    requireSameData(run, dataset),
    /was trained on other data: expected Moving MNIST .*[0-9a-f]{12}, found /,
  );
});

test("what is no run of ours is refused in one line", async () => {
  await chooseBackend("cpu");
  const path = join(folder, "odd");
  await createRun(path, await quick(), "cpu");
  const config = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
  const odd: [unknown, RegExp][] = [
    [[], /has no settings/],
    [null, /has no settings/],
    [{ settings: null }, /has no settings/],
    [{ settings: [] }, /has no settings/],
    [{ settings: config.settings }, /does not say the shape of its frames/],
    [{ ...config, settings: { model: "ConvLSTM" } }, /config\.json: the setting filters is missing/],
    [{ ...config, settings: { ...config.settings, filter: 3 } }, /unknown setting: filter; did you mean filters\?/],
    [{ ...config, settings: { ...config.settings, batch: 0 } }, /config\.json: batch is 0, expected/],
  ];
  for (const [content, message] of odd) {
    writeFileSync(join(path, "config.json"), JSON.stringify(content));
    assert.throws(() => openRun(path), { name: "UserError", message });
  }
  writeFileSync(join(path, "config.json"), '{"settings":');
  assert.throws(() => openRun(path), { name: "UserError", message: /is not JSON/ });
  assert.throws(() => openRun(join(folder, "none")), { name: "UserError", message: /config\.json not found/ });
});
