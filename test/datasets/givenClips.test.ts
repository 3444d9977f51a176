import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { encodeNpy, writeNpy } from "#src/datasets/formats/npy";
import { writeNpz } from "#src/datasets/formats/npz";
import { encodeGreyPng } from "#src/datasets/formats/png";
import { encodeVideo } from "#src/datasets/formats/video";
import { givenClips } from "#src/datasets/givenClips";
import { hasFfmpeg } from "./hasFfmpeg";

const root = mkdtempSync(join(tmpdir(), "given-"));
after(() => rmSync(root, { recursive: true }));
const cache = join(root, "cache");
const folder = (name: string) => {
  mkdirSync(join(root, name), { recursive: true });
  return join(root, name);
};
const given = (from: string) => givenClips(from, { channels: 1, cache });
const refuse = (from: string, message: RegExp) => assert.rejects(given(from), { name: "UserError", message });
const rising = (count: number) => Float32Array.from({ length: count }, (_, i) => i / 2);

test("clips of arrays, batches and pictures by their paths, each read as it is", async () => {
  const from = folder("all");
  folder("all/deep/walk.1");
  writeNpy(join(from, "a.npy"), { shape: [2, 2, 3], data: rising(12) });
  writeNpz(join(from, "deep/b.npz"), [["x", { shape: [2, 2, 2, 3, 1], data: rising(24) }]]);
  writeNpy(join(from, "levels.npy"), { shape: [1, 2, 3, 1], data: Uint8Array.of(0, 51, 255, 0, 0, 102) });
  for (const t of [2, 10, 1]) {
    writeFileSync(join(from, `deep/walk.1/${t}.png`), encodeGreyPng(new Uint8Array(6).fill(20 * t), 2, 3));
  }
  const clips = await given(from);
  assert.deepEqual(
    clips.map(({ name, shape }) => [name, shape.join("x")]),
    [
      ["a", "2x2x3x1"],
      ["levels", "1x2x3x1"],
      ["deep/b-0", "2x2x3x1"],
      ["deep/b-1", "2x2x3x1"],
      ["deep/walk.1", "3x2x3x1"],
    ],
  );
  const all = await Promise.all(clips.map((clip) => clip.read()));
  for (const [i, { shape }] of all.entries()) assert.deepEqual(shape, [1, ...clips[i].shape]);
  const [plain, levels, first, second, walk] = all.map(({ data }) => [...data]);
  assert.deepEqual(plain, [...rising(12)]);
  assert.deepEqual(levels, [...Float32Array.of(0, 0.2, 1, 0, 0, 0.4)]);
  assert.deepEqual([...first, ...second], [...rising(24)]);
  assert.deepEqual([walk[0], walk[6], walk[12]], [...Float32Array.of(20 / 255, 40 / 255, 200 / 255)]);
});

test("a video is a clip, alone or in a folder", { skip: !hasFfmpeg }, async () => {
  const from = folder("videos");
  const path = join(from, "walk.avi");
  await encodeVideo(path, { height: 16, width: 32, rate: 5 }, [new Uint8Array(512).fill(128), new Uint8Array(512)]);
  for (const input of [from, path]) {
    const [clip, ...others] = await given(input);
    assert.deepEqual([clip.name, clip.shape, others], ["walk", [2, 16, 32, 1], []]);
    const { data } = await clip.read();
    assert.ok(Math.abs(data[0] - 0.5) < 0.05 && data[600] < 0.05);
  }
});

test("everything is checked at once, in one line that names the file", async () => {
  await refuse(join(root, "none.npy"), /^NumPy file not found: expected a file at .*none\.npy$/);
  await refuse(folder("empty"), /empty: expected clips \(\.npy, \.npz, \.png, .*\.webm\), found none$/);
  const bad = folder("bad");
  writeNpy(join(bad, "a.npy"), { shape: [2, 2, 3], data: rising(12) });
  const path = join(bad, "b.npy");
  const whole = encodeNpy({ shape: [2, 2, 3], data: rising(12) });
  for (const [bytes, message] of [
    [whole.subarray(0, 100), /b\.npy: expected a header of/],
    [whole.subarray(0, -4), /b\.npy: expected 48 bytes .* got 44$/],
    [Buffer.from("hello, world"), /b\.npy: expected a NumPy file/],
    [encodeNpy({ shape: [12], data: rising(12) }), /b\.npy is \[12\], expected \[batch, time/],
    [encodeNpy({ shape: [0, 2, 3], data: rising(0) }), /b\.npy is \[0, 2, 3\], expected/],
    [
      encodeNpy({ shape: [2, 1, 2, 3, 1], data: rising(12).fill(Number.NaN, 7, 8) }),
      /b\.npy: expected finite values, got NaN at clip 1, frame 0, row 0, column 1, channel 0$/,
    ],
  ] as const) {
    writeFileSync(path, bytes);
    await refuse(bad, message);
  }
  const plain = join(bad, "plain");
  writeFileSync(plain, "");
  await refuse(plain, /plain: expected a NumPy file/);
  const pictures = folder("pictures");
  writeFileSync(join(pictures, "1.png"), encodeGreyPng(new Uint8Array(6), 2, 3));
  writeFileSync(join(pictures, "2.png"), encodeGreyPng(new Uint8Array(9), 3, 3));
  await refuse(pictures, /2\.png is 3 x 3, expected 2 x 3 like .*1\.png$/);
  writeFileSync(join(pictures, "2.png"), encodeGreyPng(new Uint8Array(6), 2, 3).subarray(0, 40));
  await refuse(pictures, /2\.png/);
  symlinkSync("/etc", join(folder("linked"), "etc"));
  await refuse(join(root, "linked"), /etc is a link/);
});
