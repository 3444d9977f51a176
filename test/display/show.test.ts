import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import type { DisplayOptions } from "#kernel/host";
import {
  curves,
  describeTensor,
  frames,
  gif,
  lossCurve,
  type Picture,
  progress,
  save,
  show,
  table,
} from "#src/display/index";
import { DISPLAY } from "#src/display/mime";
import { blobs } from "./pictures";

type Call = [data: Record<string, unknown>, options: DisplayOptions];

/** A notebook that writes down what it is sent. */
function notebook() {
  const calls: Call[] = [];
  const host = {
    interrupted: false,
    display: (data: Record<string, unknown>, o: DisplayOptions = {}) => void calls.push([data, o]),
  };
  return { calls, host };
}

async function inNotebook(run: () => Promise<void>): Promise<Call[]> {
  const { calls, host } = notebook();
  const place = globalThis as { [key: symbol]: unknown };
  place[Symbol.for("ms-rnn.kernel")] = host;
  try {
    await run();
  } finally {
    delete place[Symbol.for("ms-rnn.kernel")];
  }
  return calls;
}

/** What `run` writes to stdout. */
async function printed(run: () => Promise<void>): Promise<string> {
  const write = process.stdout.write;
  let text = "";
  process.stdout.write = ((chunk: string) => {
    text += chunk;
    return true;
  }) as never;
  try {
    await run();
  } finally {
    process.stdout.write = write;
  }
  return text;
}

const still = () => frames({ forecast: blobs({ time: 2, size: 8 }) });
const moving = () => gif({ forecast: blobs({ time: 2, size: 8 }) });

test("bundles: the PNG first, HTML where there is something to move, text last", async () => {
  const types = async (value: Picture) => Object.keys(await value[DISPLAY]());
  assert.deepEqual(await types(still()), ["image/png", "text/plain"]);
  assert.deepEqual(await types(moving()), ["image/png", "text/html", "text/plain"]);
  assert.deepEqual(await types(curves([{ name: "a", y: [1] }])), ["image/png", "text/html", "text/plain"]);
  assert.deepEqual(await types(lossCurve([{ iteration: 1, loss: 2 }])), ["image/png", "text/plain"]);
  const bundle = await still()[DISPLAY]();
  assert.deepEqual(Buffer.from(bundle["image/png"], "base64"), still().png);
});

test("show sends a bundle to the notebook and replaces it in place, in order", async () => {
  const calls = await inNotebook(async () => {
    const live = await show(lossCurve([]), { metadata: { a: 1 } });
    const slow = {
      [DISPLAY]: () =>
        new Promise<Record<string, string>>((done) => setTimeout(() => done({ "text/plain": "slow" }), 20)),
    };
    await Promise.all([live.update(slow), live.update("quick")]);
    await show("named", { id: "x", update: true });
  });
  assert.deepEqual(Object.keys(calls[0][0]), ["image/png", "text/plain"]);
  const { id } = calls[0][1];
  assert.deepEqual(calls[0][1], { id, update: false, metadata: { a: 1 } });
  assert.deepEqual(
    calls.slice(1).map(([data]) => data["text/plain"]),
    ["slow", "quick", "named"],
  );
  assert.deepEqual(
    calls.slice(1).map(([, options]) => [options.id, options.update]),
    [
      [id, true],
      [id, true],
      ["x", true],
    ],
  );
});

test("show outside a notebook prints text, and an update only if it says something new", async () => {
  const text = await printed(async () => {
    const live = await show(table([{ a: 1 }]));
    await live.update(table([{ a: 1 }]));
    await live.update({ b: 2 });
  });
  assert.equal(text, "a\n─\n1\n{ b: 2 }\n");
});

test("an update that fails is told, and the next one is still carried out", async () => {
  const calls = await inNotebook(async () => {
    const live = await show("one");
    const broken = { [DISPLAY]: () => Promise.reject(new Error("broken")) };
    await assert.rejects(live.update(broken), { message: "broken" });
    await live.update("two");
  });
  assert.deepEqual(
    calls.map(([data]) => data["text/plain"]),
    ["one", "two"],
  );
});

test("save writes by the ending, creates the folder and leaves nothing else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ms-rnn-"));
  try {
    const at = (name: string) => join(folder, "new", "er", name);
    const value = moving();
    for (const name of ["a.png", "a.GIF", "a.html", "a.txt"]) await save(value, at(name));
    await save(table([{ a: "<b>" }]), at("t.html"));
    await save(still(), at("s.html"));
    assert.deepEqual(readFileSync(at("a.png")), value.png);
    assert.deepEqual(readFileSync(at("a.GIF")), value.gif);
    assert.equal(readFileSync(at("a.txt"), "utf8"), `${value.text}\n`);
    assert.match(readFileSync(at("a.html"), "utf8"), /^<!doctype html>[\s\S]*<img src="data:image\/gif/);
    assert.match(readFileSync(at("t.html"), "utf8"), /<table[\s\S]*&lt;b&gt;/);
    assert.match(readFileSync(at("s.html"), "utf8"), /<img src="data:image\/png/);
    assert.deepEqual(readdirSync(join(folder, "new", "er")).sort(), [
      "a.GIF",
      "a.html",
      "a.png",
      "a.txt",
      "s.html",
      "t.html",
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("save: an ending that does not fit is told in one line and leaves no file; a failure keeps the earlier file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ms-rnn-"));
  try {
    const path = join(folder, "new", "a.gif");
    await assert.rejects(save(still(), path), { message: `cannot save this as .gif: use .png, .html, .txt (${path})` });
    await assert.rejects(save(table([{ a: 1 }]), "a.png"), {
      message: "cannot save this as .png: use .html, .txt (a.png)",
    });
    await assert.rejects(save(still(), "picture"), { message: /a file without ending: use \.png/ });
    assert.ok(!existsSync(join(folder, "new")));
    const kept = join(folder, "kept.png");
    writeFileSync(kept, "earlier");
    await assert.rejects(save({ ...still(), png: 5 } as never, kept));
    assert.deepEqual([readFileSync(kept, "utf8"), readdirSync(folder)], ["earlier", ["kept.png"]]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("progress in a notebook: one output updated in place, marked as progress, not too often", () => {
  const { calls, host } = notebook();
  let clock = 0;
  const live = progress(200, { host, now: () => clock, framesPerStep: 80, label: "train <1>" });
  for (let step = 1; step <= 100; step++) {
    clock += 100;
    live.update(step, { loss: 0.5 / step });
  }
  assert.equal(calls.length, 50);
  const [data, options] = calls[49];
  assert.equal(data["text/plain"], "train <1>: 49 %, step 99/200, loss 0.005051, 800.0 frames/s, 10 s left");
  assert.ok(String(data["text/html"]).includes("train &lt;1&gt;: 49 %"));
  assert.deepEqual(options, { id: calls[0][1].id, update: true, metadata: { "ms-rnn": { progress: true } } });
  assert.equal(calls[0][1].update, false);
  live.done("interrupted");
  live.done();
  live.update(101);
  assert.equal(calls.length, 51);
  assert.match(String(calls[50][0]["text/plain"]), /50 %, step 100\/200, .* interrupted in 10 s$/);
});

test("progress in a terminal overwrites its line; elsewhere it writes lines, seldom", () => {
  for (const isTTY of [true, false]) {
    let [clock, text] = [0, ""];
    const stream = { isTTY, write: (chunk: string) => (text += chunk) };
    const live = progress(100, { stream, now: () => clock, start: 90, host: undefined });
    for (let step = 91; step <= 100; step++) {
      clock += 1000;
      live.update(step);
    }
    live.done();
    assert.equal(text.split("\r").length - 1, isTTY ? 11 : 0);
    assert.equal(text.split("\n").length - 1, isTTY ? 1 : 3);
    assert.match(text, /91 %, step 91\/100, 9 s left/);
    assert.match(text, /100 %, step 100\/100, done in 10 s\s*\n$/);
  }
  assert.throws(() => progress(0), { message: "total: 0 is not 1 or more" });
});

test("a tensor as the last value of a cell is one line of type, shape and first values", async () => {
  const bundle = async (tensor: tf.Tensor) => (tensor as unknown as { [DISPLAY](): Promise<unknown> })[DISPLAY]();
  const tensor = tf.tensor2d([
    [0, 0.5, -1 / 3],
    [1, 2, Number.NaN],
  ]);
  assert.deepEqual(await bundle(tensor), { "text/plain": "float32 [2, 3]: 0, 0.5, -0.33333, 1, 2, NaN" });
  assert.equal(await describeTensor(tf.range(0, 20, 1, "int32")), "int32 [20]: 0, 1, 2, 3, 4, 5, 6, 7, ...");
  assert.equal(await describeTensor(tf.tensor1d([true, false])), "bool [2]: true, false");
  assert.equal(await describeTensor(tf.tensor1d(["a"])), 'string [1]: "a"');
  assert.equal(await describeTensor(tf.zeros([0, 2])), "float32 [0, 2]");
  tensor.dispose();
  assert.equal(await describeTensor(tensor), "float32 [2, 3], disposed");
});
