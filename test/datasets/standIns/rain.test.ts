import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readImage } from "#src/datasets/formats/image";
import { readNpz } from "#src/datasets/formats/npz";
import { hko7, readHko7Days } from "#src/datasets/hko7";
import { writeRain } from "#src/datasets/standIns/rain";
import { rainField } from "#src/datasets/standIns/rainField";
import { rainMaps } from "#src/metrics/rain";

const root = mkdtempSync(join(tmpdir(), "rain-"));
after(() => rmSync(root, { recursive: true }));

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.includes("."))
    .sort();

test("the files of HKO-7, equal for equal seeds, opened by its reader as a stand-in", async () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => join(root, name));
  const options = { days: { train: 2, validation: 1, test: 1 }, pictures: 4 };
  for (const [folder, seed] of [
    [a, 1],
    [b, 1],
    [c, 2],
  ] as const)
    writeRain(folder, { ...options, seed });
  const names = filesOf(a);
  assert.equal(names.length, 16 + 5);
  assert.ok(names.includes(join("radarPNG", "2009", "04", "02", "RAD090402001800.png")));
  for (const name of names) assert.ok(readFileSync(join(a, name)).equals(readFileSync(join(b, name))), name);
  const picture = names.find((name) => name.endsWith(".png"))!;
  assert.ok(!readFileSync(join(a, picture)).equals(readFileSync(join(c, picture))));
  assert.deepEqual(readHko7Days(a), {
    days: { train: ["20090401", "20090402"], validation: ["20090403"], test: ["20090404"] },
  });

  // An 8-bit grey PNG; nothing but clutter and rain within range.
  const bytes = readFileSync(join(a, picture));
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[24], bytes[25]], [480, 480, 8, 0]);
  const { levels } = await readImage(join(a, picture));
  const masks = readNpz(join(a, "mask_dat.npz"));
  const mask = (name: string) => masks.get(name)!.data as Uint8Array;
  const [exclude, outlier, beyond] = ["exclude_mask", "outlier_mask", "out_boundary_mask"].map(mask);
  assert.ok(levels.every((level, i) => !(beyond[i] && level > 0) && !(outlier[i] && level === 0)));
  assert.ok(exclude.every((value, i) => value === (outlier[i] | beyond[i])));

  const set = await hko7({ from: a, time: 4, size: 480, cache: join(root, "cache") });
  assert.deepEqual(
    [set.name, set.size("train"), set.size("validation"), set.size("test")],
    ["HKO-7 stand-in", 2, 1, 1],
  );
  assert.match(readFileSync(join(a, "STAND-IN.txt"), "utf8"), /Simulated data in the file format of HKO-7.*Not HKO-7/);
  const { data } = await set.sequences("train", [0]);
  assert.deepEqual(
    [...data.subarray(0, 480 * 480)],
    [...levels].map((level, i) => Math.fround(exclude[i] ? 0 : level / 255)),
  );
});

test("rain rates are as frequent as the simulator says", () => {
  const stated: [mmPerHour: number, percent: number][] = [
    [0.5, 10],
    [2, 5],
    [5, 3],
    [10, 1.5],
    [30, 0.4],
  ];
  const field = new Float32Array(120 * 120);
  const counts = stated.map(() => 0);
  const days = 24;
  for (let day = 0; day < days; day++) {
    const draw = rainField({ seed: 7, day, pictures: 240, minutes: 6, side: 120 });
    for (const picture of [0, 60, 120, 180]) {
      draw(picture, field);
      assert.ok(field.every((value) => value >= 0 && value < 1));
      for (const [i, [rate]] of stated.entries()) {
        const least = rainMaps.hko7.toPixel(rate);
        counts[i] += field.filter((value) => value >= least).length;
      }
    }
  }
  for (const [i, [rate, percent]] of stated.entries()) {
    const found = (100 * counts[i]) / (days * 4 * field.length);
    assert.ok(found > percent / 1.5 && found < 1.5 * percent, `${found} % from ${rate} mm/h on, stated ${percent}`);
  }
});

test("rain drifts and changes: a picture is like the one before, moved, and unlike one much later", () => {
  const side = 240;
  let [still, moved, unlike] = [0, 0, 0];
  for (let day = 0; day < 4; day++) {
    const draw = rainField({ seed: 5, day, pictures: 240, minutes: 6, side });
    const [now, next, later] = [0, 1, 30].map((picture) => {
      const field = new Float32Array(side * side);
      draw(picture, field);
      return field;
    });
    still += distance(now, next, side, 0, 0);
    unlike += distance(now, later, side, 0, 0);
    let best = Infinity;
    for (let y = -8; y <= 8; y++) for (let x = -8; x <= 8; x++) best = Math.min(best, distance(now, next, side, x, y));
    moved += best;
  }
  assert.ok(moved > 0 && moved < 0.5 * still && unlike > 2 * still, `${moved}, ${still}, ${unlike}`);
});

/** Mean squared difference of the middle of two pictures, the second moved by (x, y). */
function distance(a: Float32Array, b: Float32Array, side: number, x: number, y: number): number {
  let [sum, count] = [0, 0];
  for (let row = 40; row < side - 40; row += 3) {
    for (let column = 40; column < side - 40; column += 3, count++)
      sum += (a[row * side + column] - b[(row + y) * side + column + x]) ** 2;
  }
  return sum / count;
}

test("bad input leaves nothing", () => {
  const folder = join(root, "bad");
  const refused = (options: object, message: RegExp, at = folder) => {
    assert.throws(() => writeRain(at, options), { name: "UserError", message });
    assert.ok(!existsSync(folder));
  };
  refused({ pictures: 241 }, /pictures: expected at most the 240 of a whole day, got 241/);
  refused({ days: { test: 0 } }, /test: expected a whole number from 1 on/);
  refused({ pictures: 1 }, /is there already, expected a new folder/, root);
  refused({ pictures: 1 }, /cannot write/, "/proc/rain");
});
