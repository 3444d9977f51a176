import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import type { ModelParams } from "#src/model";
import { loadCheckpoint, saveCheckpoint } from "#src/train/checkpoint";
import { startState } from "#src/train/state";
import type { TrainEvent, TrainOptions } from "#src/train/trainer";
import type { Validation } from "#src/train/validation";
import { disposeTree, leaves } from "#src/tree";
import { skip } from "../backend/onednn/forms";
import { contents, network, said, trained } from "./tiny";

const folder = mkdtempSync(join(tmpdir(), "validation-"));
after(() => rmSync(folder, { recursive: true }));

const numbers = (params: ModelParams) => leaves(params).flatMap(([, leaf]) => [...leaf.dataSync()]);

/** How far weights are from where a training leads them through: falls, then rises, and depends on every bit. */
function passing(params: ModelParams): Promise<number> {
  const start = network.init(1);
  const from = numbers(start);
  disposeTree(start);
  const moved = numbers(params).reduce((sum, value, i) => sum + Math.abs(value - from[i]), 0) / from.length;
  return Promise.resolve(Math.abs(moved - 0.03));
}

/** Scores in this order, whatever the weights. */
function given(...scores: number[]): Validation["score"] {
  let next = 0;
  return async () => scores[next++];
}

const brief = (events: TrainEvent[]) =>
  events.map((event) => {
    if (event.kind === "step") return `step ${event.iteration}`;
    if (event.kind === "validation") return `${event.iteration}: ${event.score}${event.best ? " best" : ""}`;
    return event.kind === "done" && event.early ? "done early" : event.kind;
  });

test("validations follow their steps, the last step has one, and the state knows the best", async () => {
  await chooseBackend("cpu");
  const { events, state } = await trained({ iterations: 5, validate: { every: 2, score: given(3, 1, 1) } });
  assert.deepEqual(brief(events), [
    "step 1",
    "step 2",
    "2: 3 best",
    "step 3",
    "step 4",
    "4: 1 best",
    "step 5",
    "5: 1",
    "done",
  ]);
  assert.deepEqual(state.validated, { iteration: 5, best: { iteration: 4, score: 1 }, since: 1 });
  const known = events.map(({ state }) => state.validated?.iteration);
  assert.deepEqual(known, [undefined, undefined, 2, 2, 2, 4, 4, 5, 5]);
});

test("without better scores a run ends early, and stays ended", async () => {
  await chooseBackend("cpu");
  const validate = { every: 1, patience: 2, score: given(3, 4, 2, 2, 5, 1) };
  const { events, state } = await trained({ validate });
  assert.deepEqual(brief(events).slice(-3), ["step 5", "5: 5", "done early"]);
  assert.deepEqual(state.validated, { iteration: 5, best: { iteration: 3, score: 2 }, since: 2 });
  assert.deepEqual(brief((await trained({ validate }, state)).events), ["done early"]);
  // With more patience it goes on where it was.
  const longer = await trained({ validate: { ...validate, patience: 3 } }, state);
  assert.deepEqual(brief(longer.events), ["step 6", "6: 1 best", "done"]);
  // The last step's validation ends nothing early.
  const last = await trained({ iterations: 2, validate: { every: 1, patience: 1, score: given(1, 2) } });
  assert.deepEqual(brief(last.events).at(-1), "done");
});

test("averaged weights are scored where there are any", async () => {
  await chooseBackend("cpu");
  for (const averageDecay of [undefined, 0.9]) {
    const seen: number[][] = [];
    const score = async (params: ModelParams) => seen.push(numbers(params));
    const { state } = await trained({ averageDecay, validate: { every: 6, score } });
    assert.deepEqual(seen, [numbers(state.average ?? state.params)]);
    assert.equal(state.average === undefined, averageDecay === undefined);
  }
});

for (const backend of ["wasm", ...(skip ? [] : ["onednn"])]) {
  test(`${backend}: broken off at any event, saved and resumed, a run says and ends as an unbroken one`, async () => {
    await chooseBackend(backend);
    const options: Partial<TrainOptions> = {
      iterations: 20,
      averageDecay: 0.8,
      clipNorm: 1,
      validate: { every: 2, patience: 2, score: passing },
    };
    const whole = await trained(options);
    const all = whole.events.map(said);
    assert.equal(brief(whole.events).at(-1), "done early");
    const { iteration } = whole.state.validated!.best;
    assert.ok(iteration > 2 && iteration < 14, `the best is after iteration ${iteration}`);
    const path = join(folder, "broken.safetensors");
    for (let count = 1; count <= all.length; count++) {
      const part = await trained(options, undefined, (_, events) => events === count);
      await saveCheckpoint(path, network, part.state);
      const rest = await trained(options, loadCheckpoint(path, network));
      // What is over says so again.
      assert.deepEqual(rest.events.map(said), all.slice(Math.min(count, all.length - 1)), `after event ${count}`);
      assert.deepEqual(contents(rest.state), contents(whole.state), `after event ${count}`);
    }
  });
}

test("who is to stop does not begin a validation; a resumed run begins with it", async () => {
  await chooseBackend("cpu");
  for (const at of [4, 6]) {
    const stopping = new AbortController();
    const options = { validate: { every: 2, score: async () => 7 } };
    const first = await trained({ ...options, signal: stopping.signal }, undefined, ({ kind, state }) => {
      if (kind === "step" && state.iteration === at) stopping.abort();
      return false;
    });
    assert.deepEqual(brief(first.events).slice(-2), [`step ${at}`, "stopped"]);
    const { events } = await trained(options, first.state);
    const rest = at === 4 ? ["4: 7", "step 5", "step 6", "6: 7", "done"] : ["6: 7", "done"];
    assert.deepEqual(brief(events), rest);
  }
});

test("a score that is not finite, and numbers that make no sense, are errors", async () => {
  await chooseBackend("cpu");
  const fails = (validate: Validation, message: string) =>
    assert.rejects(trained({ validate }), { name: "UserError", message });
  const score = given(1, Number.NaN);
  await fails({ every: 1, score }, "validation score is NaN after iteration 2, expected a finite number");
  await fails({ every: 0, score }, "validate every: expected a whole number from 1 on, got 0");
  await fails({ every: 1, patience: 1.5, score }, "patience: expected a whole number from 1 on, got 1.5");
});

test("nothing is validated before the first step", async () => {
  await chooseBackend("cpu");
  const untouched = await trained({ iterations: 0, validate: { every: 1, score: given() } }, startState(network, 1));
  assert.deepEqual(brief(untouched.events), ["done"]);
});
