import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { absolute, failed, relative } from "#src/verify/compare";
import { type FileResult, verify } from "#src/verify/index";
import { readSafetensors, writeSafetensors } from "#src/weights/safetensors";
import { backends } from "../gradient";

const folder = mkdtempSync(join(tmpdir(), "verify-"));
after(() => rmSync(folder, { recursive: true }));

async function results(path: string): Promise<FileResult[]> {
  const list: FileResult[] = [];
  for await (const result of verify(path)) list.push(result);
  return list;
}

/** All networks; on the slowest backend some. */
function networksFor(backend: string): string {
  const all = "test/reference/msrnn/models";
  if (backend !== "cpu") return all;
  const some = mkdtempSync(join(folder, "networks-"));
  for (const name of ["ConvLSTM", "MS-ConvLSTM-UNet3+", "MS-TrajGRU", "MS-PredRNN"]) {
    copyFileSync(join(all, `${name}.safetensors`), join(some, `${name}.safetensors`));
  }
  return some;
}

for (const backend of backends) {
  for (const part of ["cells", "models", "ops", "train", "moving_mnist", "metrics"]) {
    test(`${backend}: every known-answer file of ${part} passes`, async () => {
      await chooseBackend(backend);
      const before = tf.memory().numTensors;
      const list = await results(part === "models" ? networksFor(backend) : join("test/reference/msrnn", part));
      assert.deepEqual(
        list.filter(({ passed }) => !passed),
        [],
      );
      assert.ok(list.length >= 1);
      assert.equal(tf.memory().numTensors, before);
    });
  }
}

/** A known-answer file with one number of one tensor changed by `by`. */
function changed(source: string, tensor: string, by: number): string {
  const target = mkdtempSync(join(folder, "changed-"));
  const { tensors, metadata } = readSafetensors(join("test/reference/msrnn", source));
  tensors.get(tensor)!.data[3 % tensors.get(tensor)!.data.length] += by;
  writeSafetensors(join(target, "changed.safetensors"), tensors, metadata);
  return target;
}

const slips: [source: string, tensor: string, by: number][] = [
  ["cells/ConvLSTM.safetensors", "out/h", 2e-5],
  ["cells/ConvLSTM.safetensors", "grad_in/c", 0.01],
  ["cells/ConvLSTM.safetensors", "grad/_conv_h2h.weight", 0.05],
  ["models/MS-ConvLSTM.safetensors", "out", 2e-4],
  ["models/MS-ConvLSTM.safetensors", "state_first/3/h", 2e-4],
  ["models/MS-ConvLSTM.safetensors", "state_last/2/c", 2e-4],
  ["models/MS-ConvLSTM.safetensors", "masked_grad/fc.conv_fc.weight", 10],
  ["models/MS-ConvLSTM.safetensors", "masked_out", 2e-4],
  ["ops/upsample2_odd.safetensors", "grad_in/x", 0.01],
  ["ops/loss.safetensors", "out", 0.05],
  ["train/MS-ConvLSTM.safetensors", "param_end/fc.conv_fc.weight", 1e-4],
  ["train/MS-ConvLSTM.safetensors", "mask/3", 1],
];
for (const [source, tensor, by] of slips) {
  test(`a known answer that is off is noticed: ${tensor} of ${source}`, async () => {
    await chooseBackend("wasm");
    const [{ passed, line }] = await results(changed(source, tensor, by));
    assert.equal(passed, false, line);
  });
}

test("a known path that is off is noticed: a position, a corner", async () => {
  const paths = readFileSync("test/reference/msrnn/moving_mnist/trajectories.json", "utf8");
  for (const part of ["positions", "paste"]) {
    const known = JSON.parse(paths);
    known.sequences[1].digits[1][part][5][0] += 1;
    const target = mkdtempSync(join(folder, "path-"));
    writeFileSync(join(target, "trajectories.json"), JSON.stringify(known));
    const [{ passed, line }] = await results(target);
    assert.equal(passed, false);
    assert.match(line, part === "paste" ? /^1 wrong: sequence 1, digit 1: corners/ : /^1 wrong: .*positions/);
  }
});

test("files nobody understands, damaged ones and models that are not built count as failed, each with its reason", async () => {
  await chooseBackend("wasm");
  const target = join(folder, "odd");
  mkdirSync(target);
  writeFileSync(join(target, "a.json"), '{"what":1}');
  writeFileSync(join(target, "b.json"), "{");
  writeFileSync(join(target, "c.safetensors"), "short");
  writeFileSync(join(target, "d.npz"), "x");
  writeFileSync(join(target, "notes.md"), "for people");
  const known = readSafetensors("test/reference/msrnn/cells/ConvLSTM.safetensors");
  const settings = { ...JSON.parse(known.metadata.json), cell: "NoSuchCell" };
  writeSafetensors(join(target, "e.safetensors"), known.tensors, { json: JSON.stringify(settings) });
  const list = await results(target);
  assert.deepEqual(
    list.map(({ file, passed }) => [file, passed]),
    [
      ["a.json", false],
      ["b.json", false],
      ["c.safetensors", false],
      ["d.npz", false],
      ["e.safetensors", false],
    ],
  );
  assert.match(list[0].line, /not understood/);
  assert.match(list[1].line, /not JSON/);
  assert.match(list[4].line, /unknown cell: NoSuchCell/);
});

test("scores that are not built, and maps nobody knows, are named", async () => {
  await chooseBackend("cpu");
  const target = mkdtempSync(join(folder, "scores-"));
  const reference = "test/reference/msrnn/metrics";
  copyFileSync(join(reference, "frames.safetensors"), join(target, "frames.safetensors"));
  const expected = JSON.parse(readFileSync(join(reference, "expected.json"), "utf8"));
  expected.hko.per_frame.lpips = [0, 0, 0, 0, 0];
  expected.mnist.counts.hits[0][0]++;
  writeFileSync(join(target, "expected.json"), JSON.stringify(expected));
  const rates = JSON.parse(readFileSync(join(reference, "rain_rate.json"), "utf8"));
  writeFileSync(join(target, "rain_rate.json"), JSON.stringify({ ...rates, mars: rates.hko, dwd: rates.hko }));
  const [scores, frames, maps] = await results(target);
  assert.deepEqual([scores.passed, frames.passed, maps.passed], [false, true, false]);
  assert.match(scores.line, /no score lpips is built/);
  assert.match(maps.line, /dwd: pixels off by .*; no map mars is built/);
});

test("no folder, and a folder without known answers, are errors", async () => {
  await assert.rejects(results(join(folder, "none")), { name: "UserError", message: /expected a folder at/ });
  mkdirSync(join(folder, "empty"));
  await assert.rejects(results(join(folder, "empty")), { name: "UserError", message: /no known-answer file/ });
});

test("NaN and missing numbers are infinitely far off; limits themselves pass", () => {
  assert.ok(failed(absolute("x", [Number.NaN], [0], 1)));
  assert.ok(failed(absolute("x", [], [0], 1)));
  assert.ok(failed(relative("x", [0], [Number.NaN], 1)));
  assert.ok(!failed(absolute("x", [1], [0], 1)));
  assert.ok(failed(relative("x", [1.2, 2], [1, 2], 0.09)));
  assert.ok(!failed(relative("x", [1.2, 2], [1, 2], 0.11)));
});

const shared = process.env.MS_RNN_SHARED ?? "../shared";
const complete = join(shared, "msrnn", "fixtures");
test("all files of the shared folder for what is built", {
  skip: existsSync(complete) ? false : `no ${complete}`,
}, async () => {
  await chooseBackend("wasm");
  const list = await results(complete);
  const passed = new Set(list.filter((result) => result.passed).map(({ file }) => file));
  for (const name of ["ConvLSTM", "MS-ConvLSTM", "MS-ConvLSTM-WO-Skip", "MS-ConvLSTM-UNet3+", "MS-ConvLSTM-FC"]) {
    assert.ok(passed.has(`models/${name}.safetensors`), name);
  }
  assert.ok(passed.size >= 20, `${passed.size} passed`);
});
