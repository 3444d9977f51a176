import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type FrameStream, prepareFrames } from "#src/datasets/prepared";

const cache = mkdtempSync(join(tmpdir(), "prepared-"));
after(() => rmSync(cache, { recursive: true }));

type Frame = Uint8Array | Float32Array;

/** A recording of frames of two pixels, which may break off. */
const stream = (frames: readonly Frame[], type: "u1" | "f4", broken?: Error): FrameStream => ({
  ...{ height: 1, width: 2, channels: 1, type },
  async *recordings() {
    async function* each() {
      yield* frames;
      if (broken) throw broken;
    }
    yield { name: "one", frames: each() };
    yield { name: "two", frames: (async function* () {})() };
  },
});

test("levels and float32 come back as they were, recordings without frames too", async () => {
  const levels = await prepareFrames({ name: "levels", about: 1, cache }, () =>
    stream([Uint8Array.of(0, 255), Uint8Array.of(51, 3)], "u1"),
  );
  const into = new Float32Array(3).fill(7);
  await levels.read(0, 1, into);
  assert.deepEqual([...into], [Math.fround(0.2), Math.fround(3 / 255), 7]);
  assert.deepEqual(levels.recordings, [
    { name: "one", frames: 2 },
    { name: "two", frames: 0 },
  ]);
  const numbers = await prepareFrames({ name: "numbers", about: 1, cache }, () =>
    stream([Float32Array.of(0.1, 0.7)], "f4"),
  );
  await numbers.read(0, 0, into);
  assert.deepEqual([...into], [Math.fround(0.1), Math.fround(0.7), 7]);
});

test("other settings are prepared apart; the same ones only once", async () => {
  let made = 0;
  const open = (about: unknown) =>
    prepareFrames({ name: "settings", about, cache }, () => {
      made++;
      return stream([Uint8Array.of(1, 2)], "u1");
    });
  await open({ size: 1 });
  await open({ size: 2 });
  await open({ size: 1 });
  assert.equal(made, 2);
});

test("what fails leaves nothing: frames of another size, none at all, a full disk, a damaged index", async () => {
  const before = readdirSync(cache);
  const cases: [FrameStream, RegExp][] = [
    [stream([Uint8Array.of(1)], "u1"), /one, frame 0: expected 1 x 2 x 1, got 1 numbers/],
    [stream([], "u1"), /expected frames, got none/],
    [
      stream([Uint8Array.of(1, 2)], "u1", Object.assign(new Error("write"), { code: "ENOSPC" })),
      /cannot prepare .*: the disk is full/,
    ],
  ];
  for (const [broken, message] of cases) {
    await assert.rejects(
      prepareFrames({ name: "broken", about: 0, cache }, () => broken),
      { name: "UserError", message },
    );
    assert.deepEqual(readdirSync(cache), before);
  }
  const folder = readdirSync(cache).find((name) => name.startsWith("levels"))!;
  writeFileSync(join(cache, folder, "index.json"), "{}");
  await assert.rejects(
    prepareFrames({ name: "levels", about: 1, cache }, () => stream([], "u1")),
    { name: "UserError", message: /expected prepared frames of version 1; remove the folder to make them anew/ },
  );
});
