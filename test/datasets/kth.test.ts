import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Split } from "#src/datasets/dataset";
import { type KthOptions, kth } from "#src/datasets/kth";
import { kthRanges } from "#src/datasets/kthLists";
import { kthVideos } from "#src/datasets/kthVideos";
import { resizer } from "#src/datasets/resize";
import { blank } from "#src/display/canvas";
import { sharedPath } from "./sharedData";

const folder = mkdtempSync(join(tmpdir(), "kth-"));
const cache = join(folder, "cache");
after(() => rmSync(folder, { recursive: true }));

/** A frame whose red, green and blue differ, and whose level tells frame and pixel. */
function frame(path: string, t: number): void {
  const { canvas, context } = blank(16, 12);
  const image = context.createImageData(16, 12);
  for (let i = 0; i < 192; i++) image.data.set([255 - t, 7, t + ((i * 37) % 64), 255], 4 * i);
  context.putImageData(image, 0, 0);
  writeFileSync(path, canvas.toBuffer("image/png"));
}

/** Folders of frames, by the videos' names. */
function videos(name: string, counts: Readonly<Record<string, number>>): string {
  const root = join(folder, name);
  for (const [video, count] of Object.entries(counts)) {
    const place = join(root, video.split("_")[1], video);
    mkdirSync(place, { recursive: true });
    for (let t = 1; t <= count; t++) frame(join(place, `image_${t}.png`), t);
  }
  return root;
}

function list(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const root = videos("some", {
  person01_running_d1: 30,
  person01_walking_d1: 45,
  person01_boxing_d1: 22,
  person17_jogging_d2: 30,
  person17_boxing_d1: 45,
});
const open = (options: Partial<KthOptions> = {}) => kth({ from: root, time: 5, size: 8, cache, ...options });
const ids = async (options: Partial<KthOptions>, split: Split) => {
  const set = await open(options);
  return Array.from({ length: set.size(split) }, (_, i) => set.id(split, i));
};
const refused = (options: Partial<KthOptions>, message: RegExp) =>
  assert.rejects(open(options), (error: Error) => {
    assert.equal(error.name, "UserError");
    assert.match(error.message, message);
    return !error.message.includes("\n");
  });

test("windows of three classes, by hand: running every 3 frames, walking and jogging every 10", async () => {
  const lists = list(
    "both.txt",
    "person01_running_d1 1 14 \nperson01_walking_d1 3 18\nperson01_walking_d1 40 43\nperson17_jogging_d2 6 30\nperson17_boxing_d1 1 45\n",
  );
  // Running 1, 4, 7, 10 (its last frame 14); walking 3, 13 (17), and a range shorter than a clip; numbers of frames from 0.
  assert.deepEqual(await ids({ lists }, "train"), [
    ...[0, 3, 6, 9].map((first) => `person01_running_d1/${first}`),
    ...[2, 12].map((first) => `person01_walking_d1/${first}`),
  ]);
  // Jogging 6, 16, 26, the last of which ends with the range.
  assert.deepEqual(
    await ids({ lists }, "test"),
    [5, 15, 25].map((first) => `person17_jogging_d2/${first}`),
  );
  assert.deepEqual(await ids({ lists }, "validation"), []);
});

test("windows of six classes: every frame to train; to test every 3 of jogging and running, every 20 of others", async () => {
  const set = await open({ classes: "six" });
  // 30 - 4, 45 - 4 and 22 - 4 to train; jogging 0, 3, ..., 24 and boxing 0, 20, 40 to test.
  assert.deepEqual([set.size("train"), set.size("test")], [26 + 41 + 18, 9 + 3]);
  assert.deepEqual(
    (await ids({ classes: "six" }, "test")).filter((id) => id.includes("boxing")),
    [0, 20, 40].map((first) => `person17_boxing_d1/${first}`),
  );
});

test("length, step and stride: a clip of 30 frames tests a horizon of 20", async () => {
  assert.deepEqual(await ids({ time: 30 }, "test"), ["person17_jogging_d2/0"]);
  assert.deepEqual(
    await ids({ step: 2, stride: { test: 7 } }, "test"),
    [0, 7, 14, 21].map((first) => `person17_jogging_d2/${first}`),
  );
  const { data } = await (await open({ step: 2, size: [12, 16], direct: true })).sequences("test", [1]);
  assert.deepEqual(
    [data[0], data[192], data[4 * 192 + 1]],
    [11, 13, 19 + 37].map((level) => Math.fround(level / 255)),
  );
});

test("persons of each split", async () => {
  const persons = { train: [17], validation: [1], test: [] };
  const set = await open({ persons });
  assert.deepEqual([set.size("train"), set.size("validation"), set.size("test")], [3, 9 + 5, 0]);
  assert.equal(set.id("train", 0), "person17_jogging_d2/0");
});

test("frames: the blue channel, by way of 160 x 160 unless directly, rounded after each", async () => {
  const picture = Uint8Array.from({ length: 192 }, (_, i) => 1 + ((i * 37) % 64));
  const expected = {
    false: resizer([160, 160], [8, 8])(resizer([12, 16], [160, 160])(picture)),
    true: resizer([12, 16], [8, 8])(picture),
  };
  assert.notDeepEqual(expected.false, expected.true);
  for (const direct of [false, true]) {
    const set = await open({ direct });
    const { data, shape } = await set.sequences("train", [0]);
    assert.deepEqual(shape, [1, 5, 8, 8, 1]);
    assert.deepEqual(
      data.slice(0, 64),
      Float32Array.from(expected[`${direct}`], (level) => level / 255),
    );
  }
  const sides = async (options: Partial<KthOptions>) => (await open({ size: undefined, ...options })).frame.height;
  assert.deepEqual([await sides({}), await sides({ profile: "small" })], [88, 44]);
});

test("prepared once, whatever the lists; only the videos that are used", async () => {
  let decoded = 0;
  const own = { cache: join(folder, "again"), onProgress: () => decoded++ };
  await open({ ...own, persons: { test: [] } });
  assert.equal(decoded, 75);
  await open({ ...own, persons: { test: [] }, time: 9, stride: { train: 2 } });
  assert.equal(decoded, 75);
  await open({ ...own, lists: list("one.txt", "person01_running_d1 1 30\n") });
  assert.equal(decoded, 105);
});

test("both forms of lists, and text before them", () => {
  const own = list(
    "own.txt",
    "Sequences of the database\r\nTraining:\tperson11, 12\r\n\r\nperson13_handclapping_d3\t*missing*\r\nperson01_walking_d1\t\tframes\t1-75, 152-225,325-400\r\n",
  );
  const short = (path: string) => kthRanges(path).map(({ name, first, last }) => [name, first, last]);
  const name = "person01_walking_d1";
  assert.deepEqual(short(own), [
    [name, 1, 75],
    [name, 152, 225],
    [name, 325, 400],
  ]);
  assert.deepEqual(short(list("mcnet.txt", `${name} 1 75 \n${name} 152 225`)), [
    [name, 1, 75],
    [name, 152, 225],
  ]);
});

test("the published lists are read whole", (t) => {
  const shared = sharedPath("kth");
  try {
    readdirSync(shared);
  } catch {
    return t.skip("no shared data");
  }
  const counts = (file: string) => {
    const ranges = kthRanges(join(shared, file));
    return [ranges.length, new Set(ranges.map(({ name }) => name)).size];
  };
  assert.deepEqual(counts("train_data_list_trimmed.txt"), [1525, 383]);
  assert.deepEqual(counts("test_data_list.txt"), [863, 216]);
  assert.deepEqual(counts("00sequences.txt"), [2391, 599]);
});

test("bad lists: one line that names the line", async () => {
  const bad: [string, RegExp][] = [
    ["", /expected a list of videos and their frames, got none/],
    ["nothing here\n", /expected a list of videos and their frames, got none/],
    ["person01_walking_d1 1 75\nwalking 1 2\n", /line 2: expected a video and its frames, .*, got walking 1 2$/],
    ["person01_walking_d1 75 1\n", /line 1: .* got person01_walking_d1 75 1$/],
    ["person01_walking_d1 0 9\n", /line 1: /],
    ["person01_walking_d9 1 9\n", /line 1: /],
    ["person01_walking_d1 frames 1-20, x\n", /line 1: /],
    ["person01_walking_d1\n", /line 1: /],
  ];
  for (const [i, [text, message]] of bad.entries()) await refused({ lists: list(`bad${i}.txt`, text) }, message);
  await refused({ lists: join(folder, "none.txt") }, /list of frames not found: expected a file at/);
  const far = list("far.txt", "person01_walking_d1 40 46\n");
  await refused({ lists: far }, /person01_walking_d1 has 45 frames, the list asks for 40 to 46/);
  const missing = "person02_running_d1 1 30\nperson03_walking_d1 1 30\nperson02_running_d1 40 60\n";
  await refused(
    { lists: list("missing.txt", missing) },
    /some: 2 videos of the lists are not there, the first is person02_running_d1$/,
  );
});

test("bad input: one clear line", async () => {
  await refused({ from: join(folder, "none") }, /expected a folder of KTH's videos, or folders of their frames/);
  await refused({ classes: "two" as "three" }, /classes: expected three or six, got two/);
  await refused({ profile: "large" as "small" }, /profile: expected paper or small, got large/);
  await refused({ time: 0 }, /time: expected a whole number from 1 on, got 0/);
  await refused({ stride: { test: 1.5 } }, /stride of test: expected a whole number from 1 on, got 1\.5/);
  await refused({ size: 0 }, /expected sides from 1 on, got 0/);
  await refused({ time: 46 }, /expected a clip of 46 frames at least, found none/);
  await refused({ persons: { validation: [16] } }, /persons: 16 is in train and in validation/);
  await refused(
    { persons: { train: [5], test: [6] } },
    /expected videos of the classes and persons asked for, found none/,
  );
  const others = videos("others", { frames_of_mine: 2 });
  await refused({ from: others }, /expected videos, or folders of frames, named like person01_walking_d1_uncomp/);
  const twice = videos("twice", { person01_walking_d1: 2, person01_walking_d1_uncomp: 2 });
  assert.throws(() => kthVideos(twice), { name: "UserError", message: /person01_walking_d1 is there twice, also as/ });
  const gap = videos("gap", { person01_walking_d1: 12 });
  const place = join(gap, "walking/person01_walking_d1");
  renameSync(join(place, "image_5.png"), join(place, "image_13.png"));
  assert.throws(() => kthVideos(gap), { name: "UserError", message: /image_6\.png: expected frame 5, numbered/ });
});
