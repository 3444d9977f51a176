import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { videoFrames } from "#src/datasets/formats/video";
import { kth } from "#src/datasets/kth";
import { kthRanges } from "#src/datasets/kthLists";
import { drawLimbs, figure, gaits } from "#src/datasets/standIns/figure";
import { writeWalkers } from "#src/datasets/standIns/walkers";
import { hasFfmpeg } from "../hasFfmpeg";

const needed = { skip: !hasFfmpeg && "no ffmpeg" };
const folder = mkdtempSync(join(tmpdir(), "walkers-"));
after(() => rmSync(folder, { recursive: true }));
const small = { persons: [1, 17], frames: 60 } as const;

test("the stand-in goes through the real reader, and is called one", needed, async () => {
  const made = await writeWalkers(join(folder, "whole"), small);
  assert.deepEqual(readdirSync(made.from), ["STAND-IN.txt", "frames.txt", "jogging", "running", "walking"]);
  assert.deepEqual(readdirSync(join(made.from, "running")), [
    "person01_running_d1_uncomp.avi",
    "person17_running_d1_uncomp.avi",
  ]);
  const set = await kth({ ...made, cache: join(folder, "cache") });
  assert.match(set.name, /stand-in/);
  assert.match(set.source.how, /a stand-in, simulated/);
  assert.deepEqual([set.frame.height, set.frame.width], [88, 88]);
  let [train, test] = [0, 0];
  for (const { person, kind, first, last } of kthRanges(made.lists)) {
    const clips = Math.max(0, Math.floor((last - first + 1 - 20) / (kind === "running" ? 3 : 10)) + 1);
    if (person === 1) train += clips;
    else test += clips;
  }
  assert.deepEqual([set.size("train"), set.size("test")], [train, test]);
  assert.ok(train >= 4 && test >= 4, `${train} and ${test} clips`);
  const { data } = await set.sequences("test", [0]);
  assert.ok(data.every((level) => level >= 0 && level <= 1));
});

test("equal seeds give equal files, others differ", needed, async () => {
  const one = { persons: [1], classes: ["running"], frames: 12 } as const;
  const bytes = async (name: string, seed: number) => {
    const { from } = await writeWalkers(join(folder, name), { ...one, seed });
    return readFileSync(join(from, "running/person01_running_d1_uncomp.avi"));
  };
  const first = await bytes("a", 3);
  assert.deepEqual(await bytes("b", 3), first);
  assert.notDeepEqual(await bytes("c", 4), first);
});

test("someone dark moves through the frames of the list, and nobody is there between them", needed, async () => {
  const made = await writeWalkers(join(folder, "one"), { persons: [2], classes: ["running"], frames: 150 });
  const dark: { count: number; centre: number }[] = [];
  for await (const { levels } of videoFrames(join(made.from, "running/person02_running_d1_uncomp.avi"))) {
    const columns = [...levels].flatMap((level, i) => (level < 115 ? [i % 160] : []));
    dark.push({ count: columns.length, centre: columns.reduce((sum, column) => sum + column, 0) / columns.length });
  }
  assert.equal(dark.length, 150);
  const ranges = kthRanges(made.lists);
  assert.ok(ranges.length >= 2);
  for (const { first, last } of ranges) {
    for (let t = first; t <= last; t++)
      assert.ok(dark[t - 1].count > 50, `frame ${t}: ${dark[t - 1].count} dark pixels`);
    if (last - first < 20) continue;
    const [early, late] = [dark[first + 5].centre, dark[first + 15].centre];
    // 10 frames of 0.075 heights of 62 to 80 pixels each, more or less.
    assert.ok(Math.abs(late - early) > 30 && Math.abs(late - early) < 80, `${early} to ${late}`);
  }
  const middle = Math.floor((ranges[0].last + ranges[1].first) / 2);
  assert.equal(dark[middle - 1].count, 0);
  // Back again the other way.
  const way = ({ first }: { first: number }) => Math.sign(dark[first + 12].centre - dark[first + 4].centre);
  assert.equal(way(ranges[0]), -way(ranges[1]));
});

test("a body stands on the ground, is as tall as it should be, and swings its legs in turn", () => {
  const body = { height: 100, shirt: 50, trousers: 40, skin: 120, bulk: 1 };
  for (const gait of Object.values(gaits)) {
    for (const facing of [1, -1] as const) {
      for (let phase = 0; phase < 6; phase += 0.5) {
        const limbs = figure(body, gait, phase, 50, 110, facing);
        const lowest = Math.max(...limbs.flatMap(({ from, to, radius }) => [from[1] + radius, to[1] + radius]));
        const highest = Math.min(...limbs.flatMap(({ from, to, radius }) => [from[1] - radius, to[1] - radius]));
        assert.ok(lowest < 114 && lowest > 103, `feet at ${lowest}`);
        assert.ok(lowest - highest > 85 && lowest - highest < 108, `${lowest - highest} tall`);
      }
      const knees = (phase: number) => figure(body, gait, phase, 50, 110, facing).filter((_, i) => i === 2 || i === 11);
      const [far, near] = knees(Math.PI / 2).map(({ to }) => facing * (to[0] - 50));
      assert.ok(near > 0 && far < near, `knees at ${far} and ${near}`);
    }
  }
});

test("by hand: a limb covers its pixels, its edge half of them, and nothing outside the frame", () => {
  const frame = new Float32Array(25).fill(100);
  drawLimbs(frame, 5, [{ from: [-3, 2], to: [9, 2], radius: 1, level: 10 }]);
  // Light from the left changes nothing across a level limb; one pixel from its line half is covered.
  const rows = [100, 55, 10, 55, 100];
  assert.deepEqual(
    [...frame],
    rows.flatMap((level) => Array(5).fill(level)),
  );
});

test("nothing half-written stays where it fails", needed, async () => {
  const place = join(folder, "none");
  await assert.rejects(writeWalkers(place, { frames: 0 }), { name: "UserError", message: /frames: expected a whole/ });
  assert.ok(!existsSync(place));
});
