import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { convLstm } from "#src/cells/convLstm";
import { buildModel, type Model } from "#src/model";
import { model } from "#src/models";
import { type Random, random } from "#src/random";
import { checkpointConfig, loadCheckpoint, saveCheckpoint } from "#src/train/checkpoint";
import { type Optimizer, sgd } from "#src/train/optimizer";
import { stateOf as newest, openRun } from "#src/train/run";
import { type StateOptions, startState, type TrainState, weightsOf } from "#src/train/state";
import { leaves, mapTree } from "#src/tree";
import type { Tree } from "#src/types";
import { writeChecked } from "#src/weights/checked";
import { readSafetensors, writeSafetensors } from "#src/weights/safetensors";
import { loadWeights } from "#src/weights/weightsFile";
import { chain } from "#src/wiring";
import { contents } from "./tiny";

const folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
after(() => rmSync(folder, { recursive: true }));

const frame = { height: 8, width: 8, channels: 1 };
const network = model("ConvLSTM", { filters: 2, frame });

const rich: StateOptions = { optimizer: sgd({ momentum: 0.9 }), averageDecay: 0.9 };

/** A state in whose every tensor other numbers stand. */
function stateOf(of: Model, options: StateOptions = rich): TrainState {
  const fresh = startState(of, 5, options);
  const other = mapTree(weightsOf(fresh), (leaf, path) => tf.add(leaf, path.length / 7));
  const validated = { iteration: 10, best: { iteration: 5, score: 0.1 + 0.2 }, since: 1 };
  return { ...fresh, ...other, iteration: 12, validated };
}

test("a state comes back as it was, with its settings", async () => {
  await chooseBackend("cpu");
  const path = join(folder, "state.safetensors");
  const state = stateOf(network);
  await saveCheckpoint(path, network, state, { filters: 2 });
  const back = loadCheckpoint(path, network, rich.optimizer);
  assert.deepEqual(contents(back), contents(state));
  assert.deepEqual(checkpointConfig(path), { filters: 2 });
  // Without average and validation, by the optimiser that is meant where none is named.
  const plain = { ...startState(network, 5), iteration: 3 };
  await saveCheckpoint(path, network, plain);
  assert.deepEqual(contents(loadCheckpoint(path, network)), contents(plain));
});

test("weights that are read from a checkpoint to forecast with are the averaged ones", async () => {
  await chooseBackend("cpu");
  const path = join(folder, "averaged.safetensors");
  const patched = model("ConvLSTM", { filters: 2, patch: 4, frame: { ...frame, channels: 2 } });
  const state = stateOf(patched);
  await saveCheckpoint(path, patched, state, { model: "ConvLSTM", filters: 2, channels: 2, patch: 4 });
  const numbers = (tree: Tree) => leaves(tree).map(([name, leaf]) => [name, ...leaf.dataSync()]);
  const read = loadWeights(path, frame);
  assert.deepEqual(numbers(read.params), numbers(state.average!));
  assert.equal(read.model.patch, 4);
  assert.equal(loadWeights(path).config.patch, 4);
});

test("checkpoints from before there were several optimisers are Adam's", async () => {
  await chooseBackend("cpu");
  const { state } = newest(openRun("data/checkpoints/small-MS-ConvLSTM"));
  assert.deepEqual([state.iteration, state.optimizer, Object.keys(state.slots)], [20000, "adam", ["first", "second"]]);
  assert.equal(state.validated, undefined);
});

test("other models, optimisers and shapes are refused in one line", async () => {
  await chooseBackend("cpu");
  const path = join(folder, "good.safetensors");
  await saveCheckpoint(path, network, startState(network, 5));
  const before = tf.memory().numTensors;
  const refuse = (message: RegExp, other: Model = network, optimizer?: Optimizer, at = path) =>
    assert.throws(() => loadCheckpoint(at, other, optimizer), { name: "UserError", message });
  refuse(/is a checkpoint of ConvLSTM, expected one of MS-ConvLSTM/, model("MS-ConvLSTM", { filters: 2, frame }));
  refuse(
    /params\.embed\.kernel is \[1,1,1,2\], but the model expects \[1,1,1,3\]/,
    model("ConvLSTM", { filters: 3, frame }),
  );
  refuse(/is of adam, expected sgd$/, network, sgd());
  refuse(/not found/, network, undefined, join(folder, "missing.safetensors"));
  const { tensors, metadata } = readSafetensors(path);
  const { sha256: _, ...given } = metadata;
  const forged = join(folder, "forged.safetensors");
  for (const other of [given, { ...metadata, iteration: "7" }]) {
    writeSafetensors(forged, tensors, other);
    refuse(/is damaged: expected checksum/, network, undefined, forged);
  }
  const forge = (changes: Record<string, string>) => writeChecked(forged, [...tensors], { ...given, ...changes });
  forge({ optimizer: "sgd" });
  refuse(/has first\.\*, which sgd with these options does not have/, network, sgd(), forged);
  refuse(/has first\.\*/, network, sgd({ momentum: 0.5 }), forged);
  forge({ iteration: "-1" });
  refuse(/iteration is -1, expected a whole number/, network, undefined, forged);
  for (const validated of ["", "null", "{}", '{"iteration":1,"best":{"iteration":1,"score":null},"since":0}']) {
    forge({ validated });
    refuse(/does not say what its validations found/, network, undefined, forged);
  }
  assert.equal(tf.memory().numTensors, before);
});

test("of 1,000 damaged files none gives another state", async () => {
  await chooseBackend("cpu");
  const one = buildModel({
    name: "ConvLSTM",
    cellAt: () => convLstm({ filters: 1 }),
    wiring: chain(1),
    frame: { height: 2, width: 2, channels: 1 },
  });
  const path = join(folder, "tiny.safetensors");
  await saveCheckpoint(path, one, stateOf(one), { some: "setting" });
  const expected = contents(loadCheckpoint(path, one, rich.optimizer));
  const bytes = readFileSync(path);
  const damaged = join(folder, "damaged.safetensors");
  const draw = random("mutations");
  let refused = 0;
  for (let i = 0; i < 1000; i++) {
    const mutation = mutate(bytes, draw);
    writeFileSync(damaged, mutation);
    try {
      assert.deepEqual(contents(loadCheckpoint(damaged, one, rich.optimizer)), expected, `mutation ${i}`);
    } catch (error) {
      assert.equal((error as Error).name, "UserError", `mutation ${i}: ${(error as Error).message}`);
      assert.ok(!(error as Error).message.includes("\n"));
      refused++;
    }
  }
  // What is left is blanks of the header, and what hangs on behind the end.
  assert.ok(refused > 950, `${refused} refused`);
});

/** Flips some bits, cuts a file, or puts a part of it in twice. */
function mutate(bytes: Buffer, draw: Random): Buffer {
  const place = () => Math.floor(draw() * bytes.length);
  const kind = draw();
  if (kind < 0.2) return bytes.subarray(0, place());
  if (kind < 0.4) {
    const [from, to] = [place(), place()].sort((a, b) => a - b);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  }
  const changed = Buffer.from(bytes);
  for (let flips = 1 + Math.floor(draw() * 3); flips > 0; flips--) changed[place()] ^= 1 << Math.floor(draw() * 8);
  return changed;
}
