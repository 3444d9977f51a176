import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { radolan } from "#src/datasets/radolan";
import { rainMaps } from "#src/metrics/rain";
import { radolanFile } from "./radolanFile";
import { sharedData } from "./sharedData";

const root = mkdtempSync(join(tmpdir(), "radolan-"));
const cache = join(root, "cache");
after(() => rmSync(root, { recursive: true }));

function folderOf(name: string, files: Record<string, Buffer>): string {
  mkdirSync(join(root, name));
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(root, name, file), bytes);
  return join(root, name);
}
const named = (product: string, minute: number, ending = "") =>
  `raa01-${product}_10000-14081020${minute}-dwd---bin${ending}`;

test("rain in mm/h and dBZ as pixels; what is missing counts as no rain and is told", async () => {
  const south = [10, 0x29c4, 0];
  const from = folderOf("both", {
    ...Object.fromEntries([50, 55].map((m) => [named("ry", m), radolanFile("RY", [south, [100, 0, 0]], m)])),
    [named("ry", 45, ".gz")]: gzipSync(radolanFile("RY", [south, [0, 50, 0]], 45)),
    ...Object.fromEntries([50, 55].map((m) => [named("rx", m), radolanFile("RX", [[125, 250, 0]], m)])),
    notes: Buffer.from("other files are not looked at"),
  });
  const remarks: string[] = [];
  const common = {
    from,
    time: 2,
    split: { validation: 0, test: 0 },
    cache,
    onRemark: (line: string) => remarks.push(line),
  };
  const set = await radolan({ ...common, stride: 1 });
  assert.deepEqual([set.size("train"), set.id("train", 1)], [2, "201408102045/1"]);
  assert.deepEqual(remarks, ["DWD RY: 3 of 18 pixels were not measured, they count as no rain"]);
  const { data, shape } = await set.sequences("train", [0]);
  assert.deepEqual(shape, [1, 2, 2, 3, 1]);
  const level = (rate: number) => Math.fround(Math.round(255 * rainMaps.dwd.toPixel(rate)) / 255);
  assert.deepEqual([...data.slice(0, 6)], [0, level(6), 0, level(1.2), 0, 0]);
  assert.deepEqual([...data.slice(6, 9)], [level(12), 0, 0]);
  const echoes = await radolan({ ...common, product: "RX" });
  assert.deepEqual([...(await echoes.sequences("train", [0])).data.slice(0, 3)], [Math.fround(146 / 255), 0, 0]);
  assert.deepEqual([echoes.frame.unit, echoes.frame.range], ["dBZ", [-10, 60]]);
});

test("bad input: one clear line, nothing half-made", async () => {
  const file = radolanFile("RY", [[1, 2]]);
  const refused = async (files: Record<string, Buffer>, message: RegExp) => {
    const from = folderOf(`bad${readdirSync(root).length}`, files);
    await assert.rejects(radolan({ from, time: 1, cache }), { name: "UserError", message });
    assert.deepEqual(
      readdirSync(cache).filter((name) => name.endsWith(".tmp")),
      [],
    );
  };
  await refused(
    { [named("rx", 50)]: file },
    /expected radar pictures such as raa01-ry_10000-1408102050-dwd---bin\.gz, found none/,
  );
  await refused({ [named("ry", 55)]: file }, /expected RY of 201408102055, got RY of 201408102050/);
  await refused(
    { [named("ry", 50)]: file.subarray(0, file.length - 1) },
    /bin: expected 85 bytes by its header, got 84/,
  );
  await refused({ [named("ry", 50)]: Buffer.alloc(0) }, /expected a RADOLAN file/);
  await refused({ [named("ry", 50)]: file, [named("ry", 50, ".gz")]: gzipSync(file) }, /is of the same time as/);
  await refused({ [named("ry", 99)]: file }, /expected a time in the name as in raa01-ry.*, got 1408102099/);
  await refused(
    { [named("ry", 50)]: file, [named("ry", 55)]: radolanFile("RY", [[1, 2, 3]], 55) },
    /2055-dwd---bin is 1 x 3, expected 1 x 2 like .*2050-dwd---bin/,
  );
  await assert.rejects(radolan({ from: root, product: "RW" as "RY" }), /product: expected RY or RX, got RW/);
});

test("a real file, resized", async (t) => {
  const from = sharedData(t, "dwd-radolan");
  if (!from) return;
  const set = await radolan({ from, time: 1, size: 124, split: { validation: 0, test: 0 }, cache });
  const { data, shape } = await set.sequences("train", [0]);
  assert.deepEqual(shape, [1, 1, 124, 124, 1]);
  assert.ok(Math.max(...data) > rainMaps.dwd.toPixel(5));
});
