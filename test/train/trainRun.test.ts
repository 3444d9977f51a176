import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import type { Dataset } from "#src/datasets/dataset";
import { type Prepared, prepare } from "#src/prepare";
import { experiment } from "#src/profiles";
import type { Experiment } from "#src/settings";
import { checkpointsOf, createRun, openRun, stateOf } from "#src/train/run";
import { readLog, reproducible } from "#src/train/runLog";
import { forecastParams } from "#src/train/state";
import { type RunEvent, trainRun } from "#src/train/trainRun";
import { leaves } from "#src/tree";
import { skip } from "../backend/onednn/forms";

const folder = mkdtempSync(join(tmpdir(), "train-run-"));
after(() => rmSync(folder, { recursive: true }));

const quick = (changes: Partial<Experiment> = {}) =>
  prepare(
    experiment("quick", {
      ...{ filters: 2, size: 16, context: 3, horizon: 2, iterations: 12, checkpointEvery: 4, ...changes },
    }),
  );

/** Trains in a folder, until `leave` says so; gives the events' kinds. */
async function go(name: string, prepared: Prepared, leave: (event: RunEvent) => boolean = () => false) {
  const path = join(folder, name);
  const run = existsSync(join(path, "config.json")) ? openRun(path) : await createRun(path, prepared, "wasm");
  const kinds: string[] = [];
  let iteration = 0;
  for await (const event of trainRun(run, prepared, { backend: "wasm" })) {
    kinds.push(event.kind);
    iteration = event.state.iteration;
    if (leave(event)) break;
  }
  assert.equal(checkpointsOf(run).at(-1), iteration, "whoever leaves finds the last step done");
  return { run, kinds };
}

const weights = (run: Parameters<typeof stateOf>[0]) =>
  leaves(forecastParams(stateOf(run).state)).flatMap(([, leaf]) => [...leaf.dataSync()]);

const recipes: [string, Partial<Experiment>][] = [
  ["adam", {}],
  [
    "all at once",
    {
      optimizer: "adamW",
      schedule: "one-cycle",
      warmUp: 3,
      clipNorm: 1,
      averageDecay: 0.9,
      lossOn: "horizon",
      sampling: "reverse",
      patch: 2,
      validateEvery: 3,
      validationClips: 4,
    },
  ],
  [
    "sgd, which ends early",
    { optimizer: "sgd", momentum: 0.9, learningRate: 1e-9, validateEvery: 2, validationClips: 2, patience: 2 },
  ],
];

for (const backend of ["wasm", ...(skip ? [] : ["onednn"])])
  for (const [name, recipe] of recipes)
    test(`${backend}, ${name}: left at any event and continued, a run ends with the same weights and log`, async () => {
      await chooseBackend(backend);
      const prepared = await quick(recipe);
      const whole = await go(`${backend}-${name}`, prepared);
      const events = whole.kinds.length;
      for (const at of [1, 2, Math.floor(events / 2), events - 3, events - 2]) {
        let left = at;
        const label = `${backend}-${name}-${at}`;
        await go(label, prepared, () => left-- === 0);
        const { run } = await go(label, prepared);
        assert.deepEqual(weights(run), weights(whole.run), `left at event ${at}`);
        assert.deepEqual(reproducible(readLog(run.folder)), reproducible(readLog(whole.run.folder)), `at ${at}`);
      }
    });

test("the folder of a run: log, event files, the last two checkpoints and the best", async () => {
  await chooseBackend("wasm");
  const prepared = await quick({ validateEvery: 2, validationClips: 2 });
  const { run, kinds } = await go("folder", prepared);
  assert.deepEqual([...new Set(kinds)].sort(), ["checkpoint", "done", "step", "validation"]);
  const log = readLog(run.folder);
  const { validated } = stateOf(run).state;
  const kept = [...new Set([validated!.best.iteration, ...checkpointsOf(run).slice(-2)])].sort((a, b) => a - b);
  assert.deepEqual(checkpointsOf(run), kept);
  assert.equal(checkpointsOf(run).at(-1), 12);
  const removed = log.flatMap((event) => (event.kind === "checkpoint" ? (event.removed ?? []) : []));
  const written = log.flatMap((event) => (event.kind === "checkpoint" ? [event.iteration] : []));
  assert.deepEqual(
    written.filter((iteration) => !removed.includes(iteration)),
    checkpointsOf(run),
  );
  assert.ok(readdirSync(run.folder).some((name) => name.startsWith("events.out.tfevents.")));
  const done = log.find((event) => event.kind === "done");
  assert.ok(done?.iteration === 12 && done.peakBytes! > 1e7);
});

test("a loss that is not finite: iteration, clips and the last good checkpoint are named", async () => {
  await chooseBackend("wasm");
  const prepared = await quick({ learningRate: 1e30, schedule: "constant", optimizer: "sgd" });
  await assert.rejects(go("infinite", prepared), {
    name: "UserError",
    message:
      /(loss is|weights are no longer finite after) .*iteration \d+, expected finite numbers; clips: .*; the last good checkpoint: .*infinite.checkpoint.\d+\.safetensors$/,
  });
  const run = openRun(join(folder, "infinite"));
  assert.ok(weights(run).every(Number.isFinite));
});

test("clips that cannot be read leave a checkpoint of the last step", async () => {
  await chooseBackend("wasm");
  const prepared = await quick();
  let served = 0;
  const dataset: Dataset = {
    ...prepared.dataset,
    async sequences(split, indices) {
      const data = await prepared.dataset.sequences(split, indices);
      if (split === "train" && ++served > 20) data.data[0] = Number.NaN;
      return data;
    },
  };
  const run = await createRun(join(folder, "broken"), prepared, "wasm");
  served = 15;
  const steps: number[] = [];
  await assert.rejects(async () => {
    for await (const event of trainRun(run, { ...prepared, dataset }, { backend: "wasm" }))
      if (event.kind === "step") steps.push(event.iteration);
  }, /; the last good checkpoint: /);
  assert.equal(steps.length, 5);
  assert.equal(checkpointsOf(run).at(-1), 5);
});

test("two trainings of one run at once are refused, one after the other is not", async () => {
  await chooseBackend("wasm");
  const prepared = await quick();
  const run = await createRun(join(folder, "locked"), prepared, "wasm");
  const first = trainRun(run, prepared, { backend: "wasm" });
  await first.next();
  await assert.rejects(trainRun(run, prepared, { backend: "wasm" }).next(), { name: "UserError", message: /locked/ });
  await first.return();
  const second = trainRun(run, prepared, { backend: "wasm" });
  assert.equal((await second.next()).value?.kind, "resume");
  await second.return();
});
