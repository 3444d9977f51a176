import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeHdf5 } from "#src/datasets/formats/hdf5";
import { readKnmi } from "#src/datasets/knmi";
import { radarLevels } from "#src/datasets/radar";
import { rydl } from "#src/datasets/rydl";
import { rainMaps } from "#src/metrics/rain";
import { sharedData } from "./sharedData";

const root = mkdtempSync(join(tmpdir(), "rydl-"));
const cache = join(root, "cache");
after(() => rmSync(root, { recursive: true }));

test("times in order whatever that of the file, gaps apart, sums of 5 minutes as pixels", async () => {
  const from = join(root, "RYDL.hdf5");
  const [minutes, sums] = [
    [5, 0, 10, 30, 35],
    [1, 0.5, Number.NaN, -1, 2],
  ];
  await writeHdf5(
    from,
    minutes.map((minute, i) => ({
      name: `2014081020${`${minute}`.padStart(2, "0")}`,
      shape: [2, 3],
      data: Float32Array.of(sums[i], 0, 0, 0, 0, 0.1),
    })),
  );
  const remarks: string[] = [];
  const onRemark = (line: string) => remarks.push(line);
  const set = await rydl({ from, time: 2, stride: 1, split: { validation: 0, test: 0 }, cache, onRemark });
  assert.deepEqual(
    [0, 1, 2].map((i) => set.id("train", i)),
    ["201408102000/0", "201408102000/1", "201408102030/0"],
  );
  assert.deepEqual(remarks, ["RYDL: 2 of 30 pixels were not measured, they count as no rain"]);
  const { data } = await set.sequences("train", [0, 1, 2]);
  const level = (rate: number) => Math.fround(Math.round(255 * rainMaps.dwd.toPixel(rate)) / 255);
  assert.deepEqual(
    [0, 6, 12, 18, 24, 30].map((at) => data[at]),
    [6, 12, 12, 0, 0, 24].map(level),
  );
  assert.deepEqual([data[1], data[5]], [0, level(Math.fround(0.1) * 12)]);
});

test("bad input", async () => {
  const cases: [string, readonly number[], RegExp][] = [
    ["201408102000", [6], /201408102000 has axes \[6\], expected 2 of them/],
    ["201408322000", [2, 3], /expected arrays named by their time, yyyymmddHHMM, got 201408322000/],
    ["1408102000", [2, 3], /expected arrays named by their time, yyyymmddHHMM, got 1408102000/],
  ];
  for (const [i, [name, shape, message]] of cases.entries()) {
    const from = join(root, `bad${i}.h5`);
    await writeHdf5(from, [{ name, shape, data: new Float32Array(6) }]);
    await assert.rejects(rydl({ from, time: 1, cache }), { name: "UserError", message });
  }
  await assert.rejects(rydl({ from: join(root, "none.h5") }), { name: "UserError", message: /HDF5 file not found/ });
});

test("the real sample gives the pixels of the files it was made of", async (t) => {
  const [folder, files] = [sharedData(t, "rydl-like"), sharedData(t, "radar-knmi")];
  if (!folder || !files) return;
  const set = await rydl({ from: join(folder, "RYDL_like.h5"), time: 24, split: { validation: 0, test: 0 }, cache });
  const { data, shape } = await set.sequences("train", [0]);
  assert.deepEqual(shape, [1, 24, 480, 480, 1]);
  const { levels } = radarLevels(await readKnmi(join(files, "RAD_NL25_RAP_5min_201008260605.h5")), rainMaps.dwd);
  let differ = 0;
  for (let i = 0; i < 480 * 480; i++) {
    const there = Math.round(255 * data[23 * 480 * 480 + i]);
    if (there !== levels[(Math.floor(i / 480) + 100) * 700 + (i % 480) + 120]) differ++;
  }
  assert.equal(differ, 0);
});
