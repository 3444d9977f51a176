import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { frames } from "#src/display/frames";
import { save } from "#src/display/save";
import { datasetNames, openData, prepare } from "#src/prepare";
import { experiment } from "#src/profiles";
import { optimizerOf, samplingOf, scheduleOf } from "#src/recipe";
import { blobs } from "./display/pictures";

const folder = mkdtempSync(join(tmpdir(), "prepare-"));
after(() => rmSync(folder, { recursive: true }));

test("epochs become iterations over the training clips", async () => {
  const { settings, options } = await prepare(experiment("paper", { epochs: 1.5, batch: 4, filters: 2 }));
  assert.deepEqual([settings.iterations, settings.epochs, options.iterations], [3938, undefined, 3938]);
});

test("a data set of the catalogue is trained on at its own frame side, with its own profile", async () => {
  const asked = experiment("quick", { dataset: "taxibj", standIn: true, context: 4, horizon: 4 });
  assert.equal(asked.size, undefined);
  const { model, dataset } = await prepare(asked);
  assert.deepEqual([model.frame.height, model.frame.width, model.frame.channels], [32, 32, 2]);
  assert.equal(dataset.time, 8);
  assert.match(dataset.name, /stand-in/);
});

test("own frames are a data set too, at any side", async () => {
  for (const name of ["a", "b", "c", "d", "e"]) {
    for (let t = 0; t < 6; t++) {
      const one = frames({ forecast: blobs({ time: 1, size: 16 }) });
      await save(one, join(folder, "own", name, `${t}.png`));
    }
  }
  const asked = experiment("quick", { dataset: "own", data: join(folder, "own"), size: 16, context: 2, horizon: 2 });
  const { model, dataset } = await prepare(asked);
  assert.equal(model.frame.height, 16);
  assert.ok(dataset.size("train") > 0 && dataset.size("test") > 0);
});

test("data that are not there or make no sense: one line", async () => {
  const refuse = (changes: Parameters<typeof experiment>[1], message: RegExp) =>
    assert.rejects(openData(experiment("quick", changes)), message);
  await refuse({ dataset: "mnist" }, /unknown data set: mnist; expected one of moving-mnist, .*hko7.*, own$/);
  await refuse({ dataset: "taxibk" }, /; did you mean taxibj\?/);
  await refuse({ variant: "large" }, /variant is large, expected small or paper for moving-mnist/);
  await refuse(
    { dataset: "kth", data: join(folder, "none") },
    /kth: expected its files in .*none, or their place given as data; /,
  );
  await refuse({ dataset: "kth", standIn: true, data: folder }, /expected either data or standIn/);
  await refuse({ dataset: "kth", standIn: true, size: 64 }, /size is 64, but the frames of kth have their own/);
  await refuse({ dataset: "own" }, /data set own: expected your frames given as data/);
  await refuse({ standIn: true }, /moving-mnist has no stand-in/);
  assert.ok(datasetNames().includes("hko7") && datasetNames().includes("own"));
});

test("schedules, sampling and optimiser are those of the settings", () => {
  const base = experiment("small", { iterations: 100, learningRate: 1 });
  const rates = (schedule: "constant" | "cosine" | "one-cycle", warmUp?: number) => {
    const rate = scheduleOf({ ...base, schedule, warmUp });
    return [0, 10, 50, 99].map((iteration) => Number(rate(iteration).toFixed(3)));
  };
  assert.deepEqual(rates("constant"), [1, 1, 1, 1]);
  assert.deepEqual(rates("constant", 20), [0, 0.5, 1, 1]);
  assert.deepEqual(rates("cosine"), [1, 0.976, 0.5, 0]);
  assert.ok(rates("one-cycle")[0] < 0.05 && rates("one-cycle")[3] < 1e-3);
  const truth = (sampling: "scheduled" | "reverse" | "none", iteration: number) =>
    samplingOf({ ...base, sampling })(iteration, 50, 20, () => 0.4).reduce((sum, sees) => sum + sees, 0) / 50;
  assert.deepEqual([truth("none", 0), truth("scheduled", 0), truth("scheduled", 99)], [9, 18, 9]);
  assert.deepEqual([truth("reverse", 0), truth("reverse", 99)], [18, 9]);
  assert.deepEqual(
    (["adam", "adamW", "sgd"] as const).map((optimizer) => optimizerOf({ optimizer }).name),
    ["adam", "adamW", "sgd"],
  );
});
