import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { readImage } from "#src/datasets/formats/image";
import { readNpz, writeNpz } from "#src/datasets/formats/npz";
import { encodeGreyPng } from "#src/datasets/formats/png";
import { hko7, readHko7Days } from "#src/datasets/hko7";
import { resizer } from "#src/datasets/resize";
import { sharedData } from "./sharedData";

const root = mkdtempSync(join(tmpdir(), "hko7-"));
const cache = join(root, "cache");
after(() => rmSync(root, { recursive: true }));

/** Pictures of 3 x 4 pixels whose level is a number that goes on, by day; the names tell the time. */
function pictures(name: string, days: Record<string, readonly string[]>): string {
  const from = join(root, name);
  let level = 10;
  for (const [day, clocks] of Object.entries(days)) {
    const folder = join(from, "radarPNG", `20${day.slice(0, 2)}`, day.slice(2, 4), day.slice(4, 6));
    mkdirSync(folder, { recursive: true });
    for (const clock of clocks)
      writeFileSync(join(folder, `RAD${day}${clock}00.png`), encodeGreyPng(new Uint8Array(12).fill(level++), 3, 4));
  }
  return from;
}
const clocks = (count: number, first = 0) =>
  Array.from({ length: count }, (_, i) => {
    const minutes = first + 6 * i;
    return [Math.floor(minutes / 60), minutes % 60].map((part) => `${part}`.padStart(2, "0")).join("");
  });
const mask = (path: string, shape: readonly number[], values: readonly number[]) =>
  writeNpz(path, [["exclude_mask", { shape, data: Uint8Array.from(values) }]]);

test("days of the lists, gaps apart, every second picture, masked", async () => {
  // 23:54 and 00:00 are six minutes apart, and yet of two days; at 01:12 one is missing.
  const from = pictures("days", {
    "090401": clocks(10, 23 * 60),
    "090402": [...clocks(12), ...clocks(8, 78)],
    "090403": clocks(8),
    "090404": clocks(8),
  });
  for (const [name, text] of [
    ["train", "20090402, 1\n20090401, 2\n"],
    ["valid", "20090403, 0.5\n"],
    ["test", "20090409, 0.5\n"],
  ])
    writeFileSync(join(from, `hko7_rainy_${name}_days.txt`), text);
  mask(join(from, "mask_dat.npz"), [3, 4], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  const remarks: string[] = [];
  const set = await hko7({ from, time: 3, step: 2, size: [3, 4], cache, onRemark: (line) => remarks.push(line) });
  assert.deepEqual([set.name, set.size("train"), set.size("validation"), set.size("test")], ["HKO-7", 4, 1, 0]);
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => set.id("train", i)),
    ["200904020000/0", "200904020000/6", "200904020118/0", "200904012300/0"],
  );
  assert.deepEqual(remarks, ["HKO-7: no pictures of 1 listed days, such as 20090409"]);
  const { data } = await set.sequences("train", [1]);
  const at = (level: number) => Math.fround(level / 255);
  assert.deepEqual([...data.slice(0, 3), data[11], data[13], data[25]], [0, at(26), at(26), 0, at(28), at(30)]);
  assert.deepEqual([set.frame.unit, set.frame.range], ["dBZ", [-10, 60]]);
  const bare = await hko7({ from, time: 3, size: [3, 4], mask: false, cache });
  assert.equal((await bare.sequences("train", [0])).data[0], at(20));
  // Without lists all days count.
  const shares = await hko7({ from, time: 2, split: { validation: 0.2, test: 0.4 }, size: [3, 4], cache });
  assert.deepEqual([shares.size("train"), shares.size("validation"), shares.size("test")], [11, 4, 8]);
});

test("profiles set size and step, which can be set apart", async () => {
  const from = pictures("profiles", { "150107": clocks(30) });
  const common = { from, time: 5, split: { validation: 0, test: 0 }, cache };
  const shape = async (options: object) => {
    const set = await hko7({ ...common, ...options });
    return [set.frame.height, set.size("train")];
  };
  assert.deepEqual(await shape({}), [128, 6]);
  assert.deepEqual(await shape({ profile: "paper" }), [128, 1]);
  assert.deepEqual(await shape({ profile: "2022" }), [88, 6]);
  assert.deepEqual(await shape({ profile: "paper", step: 3, size: 120 }), [120, 2]);
});

test("bad input: one clear line, nothing half-made", async () => {
  const from = pictures("bad", { "150107": clocks(4) });
  const folder = join(from, "radarPNG/2015/01/07");
  const refused = async (message: RegExp, options: Partial<Parameters<typeof hko7>[0]> = {}) => {
    await assert.rejects(hko7({ from, time: 2, cache, ...options }), { name: "UserError", message });
    assert.deepEqual(
      readdirSync(cache).filter((name) => name.endsWith(".tmp")),
      [],
    );
  };
  await refused(/profile: expected 2022, all, paper, got small/, { profile: "small" as "paper" });
  await refused(/step: expected a whole number from 1 on, got 0/, { step: 0 });
  await refused(/expected a recording of 39 frames at least in one of the splits, the longest has 4/, {
    time: 20,
    step: 2,
  });
  const masks = join(root, "mask.npz");
  mask(masks, [2, 4], [0, 0, 0, 0, 1, 1, 1, 1]);
  await refused(/HKO-7: the mask is 2 x 4, expected 3 x 4 like .*RAD150107000000\.png/, { mask: masks });
  mask(masks, [3, 4], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
  await refused(/mask\.npz: expected exclude_mask with two axes of 0 and 1/, { mask: masks });
  mask(masks, [12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  await refused(/mask\.npz: expected exclude_mask with two axes of 0 and 1, got axes \[12\]/, { mask: masks });
  writeNpz(masks, [["outlier_mask", { shape: [1], data: new Uint8Array(1) }]]);
  await refused(/exclude_mask\.npy is missing/, { mask: masks });
  await refused(/mask\.npz not found|\.npz file not found/, { mask: join(root, "none.npz") });
  await refused(/bad: expected pictures of 1 listed days, such as 20150108, found none/, {
    split: { days: { test: ["20150108"] } },
  });
  writeFileSync(join(from, "hko7_rainy_train_days.txt"), "20150107, 1\n");
  await refused(/list of days not found: .*hko7_rainy_valid_days\.txt/);
  rmSync(join(from, "hko7_rainy_train_days.txt"));
  writeFileSync(join(folder, "RAD150107002400.png"), encodeGreyPng(new Uint8Array(20), 4, 5));
  await refused(/RAD150107002400\.png is 4 x 5, expected 3 x 4 like .*RAD150107000000\.png/);
  writeFileSync(join(folder, "RAD150107002400.png"), "no picture");
  await refused(/RAD150107002400\.png: no \.png picture that can be read/);
  rmSync(join(folder, "RAD150107002400.png"));
  copyFileSync(join(folder, "RAD150107000000.png"), join(from, "RAD150107000000.png"));
  await refused(/RAD150107000000\.png is of the same time as .*RAD150107000000\.png/);
  writeFileSync(join(from, "RAD150107006100.png"), "");
  await refused(/RAD150107006100\.png: expected a time in the name as in RAD150107000600\.png, got 1501070061/);
  const empty = join(root, "empty");
  mkdirSync(empty);
  await assert.rejects(hko7({ from: empty }), {
    name: "UserError",
    message: /expected radar pictures such as RAD150107000600\.png .*found none/,
  });
});

test("real pictures, masked by the published mask and resized", async (t) => {
  const [real, lists] = [sharedData(t, "hko7-like"), sharedData(t, "hko7")];
  if (!real || !lists) return;
  const from = join(root, "real");
  cpSync(real, from, { recursive: true });
  const masks = join(lists, "mask_dat.npz");
  const set = await hko7({ from, mask: masks, time: 12, split: { validation: 0, test: 0 }, size: 120, cache });
  assert.deepEqual([set.size("train"), set.id("train", 1)], [2, "201008260410/12"]);
  const { data } = await set.sequences("train", [1]);
  const { levels } = await readImage(join(from, "radarPNG/2010/08/26/RAD100826060500.png"));
  const { shape, data: excluded } = readNpz(masks, ["exclude_mask"]).get("exclude_mask")!;
  assert.deepEqual(shape, [480, 480]);
  const kept = levels.map((level, i) => (excluded[i] ? 0 : level));
  const small = resizer([480, 480], [120, 120])(kept);
  assert.deepEqual(
    [...data.subarray(11 * 120 * 120)],
    [...small].map((level) => Math.fround(level / 255)),
  );
  assert.ok(small.filter((level) => level > 0).length > 1000);
  // The corners lie outside the radar's range, the centre does not.
  assert.deepEqual([excluded[0], excluded[480 * 480 - 1], excluded[240 * 480 + 240]], [1, 1, 0]);
  // None of the sample's days is a rainy day of Hong Kong.
  await assert.rejects(hko7({ from, mask: masks, split: readHko7Days(lists), cache }), {
    name: "UserError",
    message: new RegExp(`${basename(from)}: expected pictures of 993 listed days, such as 20090215, found none`),
  });
});
