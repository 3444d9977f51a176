import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { clips } from "#src/datasets/dataset";
import { writeNpy } from "#src/datasets/formats/npy";
import { writeNpz } from "#src/datasets/formats/npz";
import { encodeVideo } from "#src/datasets/formats/video";
import { ownData } from "#src/datasets/ownData";
import { blank } from "#src/display/canvas";
import { hasFfmpeg } from "./hasFfmpeg";
import { sharedPath } from "./sharedData";

const folder = mkdtempSync(join(tmpdir(), "own-"));
const cache = join(folder, "cache");
after(() => rmSync(folder, { recursive: true }));

/** A picture of one grey level, but for its first pixel, which is 0. */
function picture(path: string, level: number, [height, width] = [4, 6]): void {
  const { canvas, context } = blank(width, height);
  const image = context.createImageData(width, height);
  for (let i = 0; i < height * width; i++)
    image.data.set([i === 0 ? 0 : level, i === 0 ? 0 : level, i === 0 ? 0 : level, 255], 4 * i);
  context.putImageData(image, 0, 0);
  writeFileSync(path, canvas.toBuffer("image/png"));
}

function pictures(name: string, recordings: Record<string, number>): string {
  const root = join(folder, name);
  let level = 0;
  for (const [recording, count] of Object.entries(recordings)) {
    mkdirSync(join(root, recording), { recursive: true });
    for (let i = 0; i < count; i++) picture(join(root, recording, `frame${i + 1}.png`), level++);
  }
  return root;
}

test("a folder of pictures: numbers by value, recordings apart, read from the cache the second time", async () => {
  const root = pictures("walk", { a: 12, b: 3, c: 4 });
  let decoded = 0;
  const open = () =>
    ownData({
      from: root,
      time: 3,
      split: { train: ["a"], validation: ["b"], test: ["c"] },
      cache,
      onProgress: () => decoded++,
    });
  const set = await open();
  assert.equal(decoded, 19);
  assert.deepEqual(
    [set.frame.height, set.frame.width, set.size("train"), set.size("validation"), set.size("test")],
    [4, 6, 10, 1, 1],
  );
  // frame10 is the tenth, not the second.
  const { data, shape } = await set.sequences("train", [9]);
  assert.deepEqual(shape, [1, 3, 4, 6, 1]);
  assert.deepEqual(
    [data[0], data[1], data[25], data[49]],
    [0, ...[9, 10, 11].map((level) => Math.fround(level / 255))],
  );
  assert.equal(set.id("train", 9), "a/9");
  const again = await open();
  assert.equal(decoded, 19);
  assert.deepEqual(await again.sequences("test", [0]), await set.sequences("test", [0]));
  // Another picture makes it anew.
  picture(join(root, "b", "frame4.png"), 200);
  assert.equal((await open()).size("validation"), 1);
  assert.equal(decoded, 39);
  for await (const batch of clips(set, "train", { batch: 4, seed: 3, epochs: 1 })) assert.ok(batch.indices.length > 0);
});

test("pictures are resized, and split by share in their order", async () => {
  const root = pictures("many", Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`day${i}`, 5])));
  const set = await ownData({ from: root, time: 2, size: [2, 3], step: 2, cache });
  assert.deepEqual([set.frame.height, set.frame.width], [2, 3]);
  assert.deepEqual([set.size("train"), set.size("validation"), set.size("test")], [7 * 3, 1, 2]);
  assert.equal(set.id("test", 0), "day8/0");
  const { data } = await set.sequences("test", [0]);
  // The last pixel, and two frames on.
  assert.deepEqual(
    [data[5], data[11]],
    [40, 42].map((level) => Math.fround(level / 255)),
  );
});

test("arrays: axes of any order, types and ranges; one recording is divided in time", async () => {
  const path = join(folder, "array.npy");
  const shape = [20, 3, 2, 2];
  writeNpy(path, { shape, data: Uint8Array.from({ length: 240 }, (_, i) => i) });
  const set = await ownData({ from: path, axes: "TNHW", time: 4, split: { validation: 1 / 3, test: 1 / 3 } });
  assert.deepEqual([set.size("train"), set.size("validation"), set.size("test")], [17, 5, 5]);
  const { data } = await set.sequences("test", [1]);
  // Frames 4, 5, ... of recording 2.
  assert.deepEqual(
    [data[0], data[4]],
    [(4 * 3 + 2) * 4, (5 * 3 + 2) * 4].map((level) => Math.fround(level / 255)),
  );
  const series = join(folder, "series.npy");
  writeNpy(series, { shape: [30, 1, 1, 2], data: Float32Array.from({ length: 60 }, (_, i) => i - 10) });
  const one = await ownData({ from: series, axes: "THWC", time: 2, range: [-10, 50], unit: "mm/h" });
  assert.deepEqual([one.size("train"), one.size("validation"), one.size("test")], [20, 1, 3]);
  assert.deepEqual([one.frame.unit, one.frame.range], ["mm/h", [-10, 50]]);
  assert.deepEqual((await one.sequences("test", [0])).data, Float32Array.of(48 / 60, 49 / 60, 50 / 60, 51 / 60));
  const channels = join(folder, "channels.npy");
  writeNpy(channels, { shape: [1, 2, 3, 1, 2], data: Float32Array.from({ length: 12 }, (_, i) => i / 12) });
  const colour = await ownData({ from: channels, axes: "NTCHW", time: 2, split: { validation: 0, test: 0 } });
  assert.deepEqual(
    [...(await colour.sequences("train", [0])).data.slice(0, 6)],
    [0, 2, 4, 1, 3, 5].map((i) => Math.fround(i / 12)),
  );
});

test("a function of frames", async () => {
  const set = await ownData({ from: (t) => new Float32Array(8).fill(t / 100), frames: 50, size: [2, 4], time: 5 });
  assert.deepEqual([set.size("train"), set.size("validation"), set.size("test")], [31, 1, 2]);
  assert.equal((await set.sequences("test", [1])).data[39], Math.fround(0.49));
  const wrong = await ownData({ from: () => new Float32Array(7), frames: 50, size: [2, 4], time: 5 });
  await assert.rejects(wrong.sequences("train", [0]), {
    name: "UserError",
    message: /frame 0: expected 2 x 4 x 1 = 8 numbers, got 7/,
  });
});

test("bad input: one clear line, and nothing half-made stays", async () => {
  const root = pictures("bad", { a: 4 });
  const cases: [() => Promise<unknown>, RegExp][] = [
    [() => ownData({ from: join(folder, "none") }), /no such folder of pictures or videos, video, .npy or .npz file/],
    [
      () => ownData({ from: root, time: 5, cache }),
      /expected a recording of 5 frames at least in one of the splits, the longest has 4/,
    ],
    [() => ownData({ from: root, time: 0 }), /time: expected a whole number from 1 on, got 0/],
    [() => ownData({ from: root, time: 2, cache, split: { train: ["b"] } }), /no recording b, named in train/],
    [
      () => ownData({ from: root, time: 2, cache, split: { train: ["a"], test: ["a"] } }),
      /recording a is named twice, again in test/,
    ],
    [() => ownData({ from: root, time: 2, cache, split: { test: 1.5 } }), /expected shares of validation and test/],
    [() => ownData({ from: root, cache, size: 0 }), /expected sides from 1 on, got 0/],
    [() => ownData({ from: () => new Float32Array(1) }), /expected `frames` and `size` beside it/],
  ];
  for (const [run, message] of cases) await assert.rejects(run(), { name: "UserError", message });
  const refused = async (message: RegExp) => {
    const before = readdirSync(cache);
    await assert.rejects(ownData({ from: root, time: 2, cache }), { name: "UserError", message });
    assert.deepEqual(readdirSync(cache), before);
  };
  picture(join(root, "a", "frame5.png"), 9, [5, 6]);
  await refused(/frame5\.png is 5 x 6, expected 4 x 6 like .*frame1\.png/);
  picture(join(root, "a", "frame5.png"), 9);
  truncateSync(join(root, "a", "frame5.png"), 40);
  await refused(/frame5\.png: no \.png picture that can be read/);
  rmSync(join(root, "a", "frame5.png"));
  symlinkSync("/etc/passwd", join(root, "a", "z.png"));
  await refused(/z\.png is a link, expected files and folders that lie in/);
  const empty = join(folder, "empty");
  mkdirSync(empty);
  await assert.rejects(ownData({ from: empty }), { name: "UserError", message: /expected pictures .*, found none/ });
  const array = join(folder, "flat.npy");
  writeNpy(array, { shape: [4, 4], data: new Uint8Array(16) });
  await assert.rejects(ownData({ from: array }), {
    name: "UserError",
    message: /has axes \[4, 4\], expected three to five/,
  });
  await assert.rejects(ownData({ from: array, axes: "THW" }), {
    name: "UserError",
    message: /has axes \[4, 4\], expected THW/,
  });
});

test("prepared frames that were cut off say so", async () => {
  const root = pictures("cut", { a: 6 });
  const open = () => ownData({ from: root, time: 2, cache, name: "cut-off" });
  await open();
  const made = readdirSync(cache).find((name) => name.startsWith("cut-off"))!;
  truncateSync(join(cache, made, "frames.bin"), 30);
  await assert.rejects(open(), {
    name: "UserError",
    message: /frames\.bin has 30 bytes, expected 144; remove .* to make it anew/,
  });
});

test("videos: each a recording, alone or among pictures, resized and read from the cache", {
  skip: !hasFfmpeg && "no ffmpeg",
}, async () => {
  const root = pictures("films", { still: 6 });
  const film = async (path: string, count: number) =>
    encodeVideo(
      path,
      { height: 4, width: 6, rate: 25 },
      Array.from({ length: count }, (_, t) => new Uint8Array(24).fill(100 + 2 * t)),
    );
  await film(join(root, "b.avi"), 8);
  await film(join(root, "still", "a.AVI"), 5);
  let decoded = 0;
  const open = () =>
    ownData({
      from: root,
      time: 2,
      size: [2, 3],
      cache,
      split: { train: ["b.avi"], test: ["still"], validation: ["still/a.AVI"] },
      onProgress: () => decoded++,
    });
  const set = await open();
  assert.equal(decoded, 19);
  assert.deepEqual([set.size("train"), set.size("validation"), set.size("test")], [7, 2, 3]);
  const { data } = await set.sequences("train", [6]);
  assert.ok(
    data.every((level, i) => Math.abs(255 * level - (i < 6 ? 112 : 114)) < 3),
    `${data.map((x) => 255 * x)}`,
  );
  await open();
  assert.equal(decoded, 19);
  const one = await ownData({ from: join(root, "b.avi"), time: 2, cache, channels: 3 });
  assert.deepEqual([one.name, one.frame.channels, one.size("train"), one.size("test")], ["b.avi", 3, 5, 1]);
  await encodeVideo(join(root, "c.avi"), { height: 6, width: 6, rate: 25 }, [new Uint8Array(36)]);
  await assert.rejects(open(), { name: "UserError", message: /c\.avi is 6 x 6, expected 4 x 6 like .*b\.avi/ });
  writeFileSync(join(root, "c.avi"), "no video");
  const before = readdirSync(cache);
  await assert.rejects(open(), { name: "UserError", message: /c\.avi/ });
  assert.deepEqual(readdirSync(cache), before);
});

test("arrays of .npz files: unpacked once, levels and numbers alike", async () => {
  const path = join(folder, "arrays.npz");
  const levels = { shape: [10, 2, 3], data: Int32Array.from({ length: 60 }, (_, i) => 4 * i) };
  const rates = { shape: [10, 2, 3], data: Float64Array.from({ length: 60 }, (_, i) => i / 100) };
  writeNpz(path, [
    ["levels", levels],
    ["rates", rates],
  ]);
  let unpacked = 0;
  const open = (array?: string, range?: [number, number]) =>
    ownData({
      from: path,
      array,
      range,
      time: 2,
      split: { test: 0, validation: 0 },
      cache,
      onProgress: () => unpacked++,
    });
  const set = await open("levels");
  assert.deepEqual([set.size("train"), set.frame.range, unpacked], [9, [0, 255], 10]);
  const last = [48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59];
  assert.deepEqual(
    (await set.sequences("train", [8])).data,
    Float32Array.from(last, (i) => (4 * i) / 255),
  );
  const numbers = await open("rates");
  assert.deepEqual(numbers.frame.range, [0, 1]);
  assert.deepEqual(
    (await numbers.sequences("train", [8])).data,
    Float32Array.from(last, (i) => i / 100),
  );
  const scaled = await open("levels", [0, 500]);
  assert.deepEqual(scaled.frame.range, [0, 500]);
  assert.deepEqual(
    (await scaled.sequences("train", [8])).data,
    Float32Array.from(last, (i) => (4 * i) / 500),
  );
  await open("rates");
  assert.equal(unpacked, 30);
  const smaller = await ownData({ from: path, array: "rates", size: 1, time: 2, cache });
  const means = (await smaller.sequences("train", [0])).data;
  assert.ok(
    means.every((mean, t) => Math.abs(mean - (2.5 + 6 * t) / 100) < 1e-6),
    `${means}`,
  );
  const refused = (run: Promise<unknown>, message: RegExp) => assert.rejects(run, { name: "UserError", message });
  await refused(open(), /arrays\.npz: expected the name of one of its arrays, levels, rates, got none/);
  await refused(open("others"), /expected the name of one of its arrays, levels, rates, got others/);
  const array = join(folder, "array.npy");
  await refused(ownData({ from: array, array: "levels" }), /expected a \.npz file, as the array levels is asked for/);
  await refused(ownData({ from: folder, axes: "THW" }), /expected a \.npy or \.npz file, as array or axes are given/);
  writeFileSync(path, "no zip");
  await refused(open("levels"), /arrays\.npz: not a \.npz file/);
});

test("a published radar file: numbers beside Python objects, which are never opened", async (t) => {
  const path = sharedPath("meteonet/rainfall_NW_2016_08.3.npz");
  if (!existsSync(path)) return t.skip("no shared data");
  const open = (array: string) => ownData({ from: path, array, range: [0, 10_000], unit: "0.01 mm", time: 3, cache });
  const set = await open("data");
  assert.deepEqual([set.frame.height, set.frame.width, set.frame.unit], [565, 784, "0.01 mm"]);
  // 45 frames: 31 or 32 to train.
  assert.ok(set.size("train") >= 29 && set.size("train") <= 30, `${set.size("train")}`);
  await assert.rejects(open("dates"), { name: "UserError", message: /holds Python objects/ });
});
