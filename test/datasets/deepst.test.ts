import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { deepSt } from "#src/datasets/deepst";
import { Hdf5File, writeHdf5 } from "#src/datasets/formats/hdf5";
import { writeFlows } from "#src/datasets/standIns/flows";
import { UserError } from "#src/types";
import { sharedData } from "./sharedData";

const folder = mkdtempSync(join(tmpdir(), "deepst-"));
const cache = join(folder, "cache");
after(() => rmSync(folder, { recursive: true }));

const dayName = (year: number, day: number) =>
  new Date(Date.UTC(year, 0, 1 + day)).toISOString().slice(0, 10).replaceAll("-", "");

/**
 * A year of hours on a grid of 1 x 2. Flow in of slot s (counted over all days) is 10 s and 10 s + 1; flow out is 5 more.
 * `change` may spoil the list of stamps.
 */
async function year(path: string, from: number, days: number, first = 1, change = (dates: string[]) => dates) {
  const stamp = (slot: number) => `${dayName(from, Math.floor(slot / 24))}${`${first + (slot % 24)}`.padStart(2, "0")}`;
  const dates = change(Array.from({ length: 24 * days }, (_, slot) => stamp(slot)));
  const values = dates.flatMap((date) => {
    const day = Math.round(
      (Date.parse(`${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6, 8)}`) - Date.UTC(from, 0, 1)) / 864e5,
    );
    const slot = 24 * day + Number(date.slice(8)) - first;
    return [10 * slot, 10 * slot + 1, 10 * slot + 5, 10 * slot + 6];
  });
  await writeHdf5(path, [
    { name: "data", shape: [dates.length, 2, 1, 2], data: Float64Array.from(values) },
    { name: "date", shape: [dates.length], data: dates },
  ]);
}

test("clean: true order, both flows, scale of the training part, splits that share no frame", async () => {
  const from = join(folder, "clean");
  await year(join(from, "NYC14_M1x2_T60_InOut.h5"), 2014, 70);
  const set = await deepSt({ from, time: 4, cache });
  assert.equal(set.name, "BikeNYC");
  const { height, width, channels, range } = set.frame;
  assert.deepEqual([height, width, channels], [1, 2, 2]);
  // 14 days train, 28 validate, 28 test.
  const trained = 14 * 24;
  const greatest = 10 * (trained - 1) + 6;
  assert.deepEqual(range, [0, greatest]);
  assert.deepEqual(
    [set.size("train"), set.size("validation"), set.size("test")],
    [trained - 3, 28 * 24 - 3, 28 * 24 - 3],
  );
  const { data, shape } = await set.sequences("validation", [1]);
  assert.deepEqual(shape, [1, 4, 1, 2, 2]);
  // Channels last: in and out of a cell lie side by side.
  const expected = [0, 1, 2, 3].flatMap((t) => [0, 5, 1, 6].map((more) => (10 * (trained + 1 + t) + more) / greatest));
  assert.deepEqual(data, Float32Array.from(expected));
  const out = await deepSt({ from, time: 4, flows: "out", cache });
  assert.deepEqual(out.frame.channels, 1);
  const { data: flows } = await out.sequences("validation", [1]);
  assert.deepEqual(flows.slice(0, 2), Float32Array.of(...[5, 6].map((more) => (10 * (trained + 1) + more) / greatest)));
  assert.equal(set.id("test", 0), `NYC14_M1x2_T60_InOut/${dayName(2014, 0)}/${42 * 24}`);
});

test("paper: reversed, inflow alone, 256 levels that start again, windows that a slot follows, tests that overlap", async () => {
  const from = join(folder, "paper");
  await year(join(from, "BJ13_M1x2_T60_InOut.h5"), 2013, 40);
  const set = await deepSt({ from, profile: "paper", time: 8, cache });
  const greatest = 10 * (12 * 24 - 1) + 6;
  assert.equal(set.frame.channels, 1);
  const windows = 40 * 24 - 8;
  assert.deepEqual([set.size("train"), set.size("test"), set.size("validation")], [windows - 672, 672, 672]);
  const level = (value: number) => Math.fround((Math.trunc((255 * value) / greatest) & 255) / 255);
  const { data } = await set.sequences("train", [5]);
  const expected = [7, 6, 5, 4, 3, 2, 1, 0].flatMap((t) => [10 * (5 + t), 10 * (5 + t) + 1].map(level));
  assert.deepEqual([...data], expected);
  // Above the greatest of the training part the levels wrap around.
  const last = await set.sequences("test", [671]);
  const slot = windows - 1 + 7;
  assert.ok(10 * slot > greatest);
  assert.equal(last.data[0], level(10 * slot));
});

test("days that are not whole are left out, and no clip reaches over the gap", async () => {
  const from = join(folder, "gaps");
  const spoil = (dates: string[]) => {
    dates.splice(24 * 3 + 5, 1); // day 3 lacks a slot
    const seventh = dates.indexOf(`${dayName(2014, 7)}10`);
    dates[seventh] = dates[seventh - 1]; // day 7 has one twice
    return dates.filter((date) => !date.startsWith(dayName(2014, 10))); // day 10 is not there at all
  };
  await year(join(from, "NYC14_M1x2_T60_InOut.h5"), 2014, 20, 0, spoil);
  const set = await deepSt({ from, time: 24, weeks: { test: 1, validation: 0 }, cache });
  assert.match(set.source.how, /without 2 days/);
  // Days 0-2, 4-6, 8-9, 11-12 train, 13-19 test.
  const clips = (days: number) => 24 * days - 23;
  assert.deepEqual([set.size("train"), set.size("test")], [2 * clips(3) + 2 * clips(2), clips(7)]);
  assert.deepEqual(
    [set.id("train", 0), set.id("train", clips(3)), set.id("train", 2 * clips(3))].map((id) => id.split("/")[1]),
    [0, 4, 8].map((day) => dayName(2014, day)),
  );
  const { data } = await set.sequences("train", [clips(3)]);
  assert.equal(Math.round(data[0] * set.frame.range[1]), 10 * 24 * 4);
});

test("bad files: one line, nothing kept", async () => {
  const refuses = (why: RegExp, from: string, more = {}) =>
    assert.rejects(
      deepSt({ from, cache, ...more }),
      (error: Error) => error instanceof UserError && why.test(error.message),
    );
  const at = (name: string, file = "BJ13_M1x2_T60_InOut.h5") => join(folder, name, file);
  await refuses(/expected a folder|no such|expected files such as/, join(folder, "none"));
  mkdirSync(join(folder, "empty"));
  await refuses(/expected yearly files \(\.h5\), found none/, join(folder, "empty"));
  await writeHdf5(at("other", "BJ_Meteorology.h5"), [{ name: "data", shape: [1], data: Float64Array.of(1) }]);
  await refuses(/expected files such as BJ13.*got BJ_Meteorology\.h5/, join(folder, "other"));
  await writeHdf5(at("no-date"), [{ name: "data", shape: [1, 2, 1, 2], data: new Float64Array(4) }]);
  await refuses(/date is missing; there is data/, join(folder, "no-date"));
  await writeHdf5(at("rank"), [{ name: "data", shape: [4], data: new Float64Array(4) }]);
  await refuses(/data has axes \[4\], expected 4 of them/, join(folder, "rank"));
  const lists = { name: "date", shape: [1], data: ["2013070101"] };
  await writeHdf5(at("count"), [{ name: "data", shape: [2, 2, 1, 2], data: new Float64Array(8) }, lists]);
  await refuses(/data has axes \[2, 2, 1, 2\] and date 1 entries/, join(folder, "count"));
  await writeHdf5(at("stamp"), [
    { name: "data", shape: [1, 2, 1, 2], data: new Float64Array(4) },
    { ...lists, data: ["2013990101"] },
  ]);
  await refuses(/expected dates such as 2013070101, got "2013990101"/, join(folder, "stamp"));
  await year(at("short"), 2013, 30);
  await refuses(/expected more than 56 whole days.*got 30/, join(folder, "short"));
  await year(at("slots"), 2013, 70, 1, (dates) => [...dates.slice(0, -1), `${dates[dates.length - 1].slice(0, 8)}31`]);
  await refuses(/expected slots from 1 to 24, got 31/, join(folder, "slots"));
  await year(at("fine"), 2013, 70);
  await refuses(/time: expected a whole number from 1 on, got 0/, join(folder, "fine"), { time: 0 });
  await refuses(/profile: expected clean or paper, got best/, join(folder, "fine"), { profile: "best" });
});

test("the stand-in is written in TaxiBJ's format, is called so, and is the same for one seed", async () => {
  const from = join(folder, "stand-in");
  const [first, second] = await writeFlows(from, { days: 40, size: 8 });
  const set = await deepSt({ from, cache });
  assert.equal(set.name, "TaxiBJ stand-in");
  assert.match(first, /BJ13_M8x8_T30_InOut\.h5$/);
  const again = join(folder, "again");
  await writeFlows(again, { days: 40, size: 8 });
  const flows = (path: string) => Hdf5File.using(path, (file) => file.array("data").read(0, 480));
  assert.deepEqual(await flows(join(again, "BJ14_M8x8_T30_InOut.h5")), await flows(second));
  assert.ok(set.size("train") > 100 && set.size("test") > 100, `${set.size("train")}`);
  // Work is reached in the morning: the middle of the city takes more in than at night.
  const values = (await flows(first)) as Float64Array;
  const inflow = (slot: number) => values.subarray(slot * 128, slot * 128 + 64).reduce((sum, value) => sum + value, 0);
  const [morning, night] = [inflow(16), inflow(7)];
  assert.ok(morning > 2 * night, `${morning} in the morning, ${night} at night`);
});

test("real files, though untidy: slots from 0, days that are not whole, stamps that come twice", async (t) => {
  const from = sharedData(t, "taxi");
  if (!from) return;
  const set = await deepSt({ from, cache });
  assert.equal(set.name, "TaxiNYC");
  const { height, width, channels, range } = set.frame;
  assert.deepEqual([height, width, channels], [16, 8, 2]);
  assert.ok(range[0] === 0 && range[1] > 1000, `${range}`);
  assert.match(set.source.how, /without \d+ days/);
  assert.ok(set.size("train") > 10_000 && set.size("test") > 300, `${set.size("train")}, ${set.size("test")}`);
  const { data } = await set.sequences("test", [0]);
  assert.ok(data.some((value) => value > 0.05));
});
