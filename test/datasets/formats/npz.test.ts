import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { zipSync } from "fflate";
import { encodeNpy } from "#src/datasets/formats/npy";
import { npzEntries, readNpz, writeNpz } from "#src/datasets/formats/npz";
import { random } from "#src/random";

const folder = mkdtempSync(join(tmpdir(), "npz-"));
after(() => rmSync(folder, { recursive: true }));

const uniform = random("npz test");
const array = {
  shape: [40, 30, 50],
  data: Int16Array.from({ length: 60_000 }, () => Math.floor(uniform() * 3000) - 1),
};
/** As NumPy writes an array of objects: what follows the head is a pickle. */
const pickled = Buffer.concat([
  Buffer.from("\x93NUMPY\x01\x00", "latin1"),
  Buffer.from([118, 0]),
  Buffer.from(`${"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }".padEnd(117)}\ncos\nsystem\n`, "latin1"),
]);

function packed(name: string, files: Record<string, Uint8Array>, level: 0 | 6 = 6): string {
  const path = join(folder, name);
  writeFileSync(path, zipSync(files, { level }));
  return path;
}

test("arrays beside pickled ones: by name, and entry by entry", () => {
  for (const level of [0, 6] as const) {
    const path = packed(
      `mixed${level}.npz`,
      { "dates.npy": pickled, "data.npy": encodeNpy(array), "b.npy": pickled },
      level,
    );
    assert.deepEqual(readNpz(path, ["data"]), new Map([["data", array]]));
    assert.throws(() => readNpz(path), {
      name: "UserError",
      message: /dates\.npy: holds Python objects .* not opened/,
    });
    const entries = [...npzEntries(path, "data")];
    assert.equal(entries.length, 40);
    for (const [i, { shape, data }] of entries.entries()) {
      assert.deepEqual(shape, [30, 50]);
      assert.deepEqual(data, array.data.slice(1500 * i, 1500 * (i + 1)));
    }
  }
});

test("entries of one number and of an array without entries", () => {
  const path = join(folder, "flat.npz");
  writeNpz(path, [
    ["flat", { shape: [3], data: Float64Array.of(1.5, 2, 3) }],
    ["none", { shape: [0, 4], data: new Float32Array(0) }],
  ]);
  assert.deepEqual(
    [...npzEntries(path, "flat")].map(({ data }) => data[0]),
    [1.5, 2, 3],
  );
  assert.deepEqual([...npzEntries(path, "none")], []);
});

test("bad input: one clear line", () => {
  const all =
    (path: string, name = "data") =>
    () => [...npzEntries(path, name)];
  const whole = packed("whole.npz", { "data.npy": encodeNpy(array) });
  const bytes = readFileSync(whole);
  const file = (name: string, content: Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const damaged = Buffer.from(bytes);
  damaged.fill(0xff, 3000, 3100);
  const short = packed("short.npz", { "data.npy": encodeNpy(array).subarray(0, 5000) });
  // The header of the zip file promises all entries.
  const long = encodeNpy({ shape: [40, 60_000], data: new Uint8Array(2_400_000) });
  const lying = readFileSync(packed("part.npz", { "data.npy": long.subarray(0, 1_500_000) }));
  lying.writeUInt32LE(long.length, 22);
  const cases: [() => unknown, RegExp][] = [
    [all(join(folder, "none.npz")), /\.npz file not found/],
    [all(whole, "dates"), /not a \.npz file: it has no dates\.npy/],
    [() => readNpz(whole, ["dates"]), /not a \.npz file: dates\.npy is missing/],
    [all(file("empty.npz", new Uint8Array(0))), /it has no data\.npy/],
    [all(file("text.npz", Buffer.from("no zip file at all, only text"))), /it has no data\.npy/],
    [all(file("cut.npz", bytes.subarray(0, 50_000))), /damaged zip file|cut off/],
    [all(file("damaged.npz", damaged)), /damaged zip file|cut off/],
    [all(packed("pickled.npz", { "data.npy": pickled })), /holds Python objects .* not opened/],
    [all(packed("number.npz", { "data.npy": encodeNpy({ shape: [], data: Float32Array.of(1) }) })), /got a number/],
    [all(short), /expected 120000 bytes .*, got 4872/],
    [all(file("lying.npz", lying)), /lying\.npz, data\.npy is cut off/],
  ];
  for (const [run, message] of cases) assert.throws(run, { name: "UserError", message });
});

test("memory does not grow with the array", () => {
  const path = packed("zeros.npz", { "data.npy": encodeNpy({ shape: [400, 500, 500], data: new Uint8Array(1e8) }) });
  const before = process.memoryUsage().arrayBuffers;
  let [count, most] = [0, 0];
  for (const { data } of npzEntries(path, "data")) {
    count += data.length;
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  assert.equal(count, 1e8);
  assert.ok(most < 7e7, `${most} bytes`);
});
