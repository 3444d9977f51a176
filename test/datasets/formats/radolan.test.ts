import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { parseRadolan, readRadolan } from "#src/datasets/formats/radolan";
import { minutesOf } from "#src/datasets/radarTime";
import { random } from "#src/random";
import { UserError } from "#src/types";
import { radolanFile } from "../radolanFile";
import { sharedData } from "../sharedData";

const refuses = (bytes: Uint8Array, message: RegExp) =>
  assert.throws(
    () => parseRadolan(bytes, "a.bin"),
    (error) => error instanceof UserError && message.test(error.message) && !error.message.includes("\n"),
  );

// Rows from the south.
const sums = radolanFile("RY", [
  [7, 0x1000 + 8, 0x29c4],
  [0x4000 + 9, 0x8000 + 10, 4095],
]);
const echoes = radolanFile("RX", [
  [0, 65, 250],
  [249, 145, 255],
]);

test("values, flags, and the north above: RY and RX, plain and gzip", () => {
  for (const bytes of [sums, gzipSync(sums)]) {
    const { values, ...about } = parseRadolan(bytes, "");
    assert.deepEqual(about, { product: "RY", time: minutesOf("201408102050"), minutes: 5, height: 2, width: 3 });
    assert.deepEqual(values, Float32Array.of(-0.09, Number.NaN, 40.95, 0.07, 0.08, Number.NaN));
  }
  assert.deepEqual(parseRadolan(echoes, "").values, Float32Array.of(Number.NaN, 40, 95, -32.5, 0, Number.NaN));
});

test("foreign, empty, cut off, too long, and sizes that do not agree", () => {
  const text = sums.toString("latin1");
  const edited = (from: string, to: string) => Buffer.from(text.replace(from, to), "latin1");
  refuses(new Uint8Array(0), /expected a RADOLAN file/);
  refuses(Buffer.from("\x89PNG\x03", "latin1"), /expected a RADOLAN file/);
  refuses(sums.subarray(0, 60), /expected a RADOLAN file/);
  refuses(sums.subarray(0, sums.length - 1), /^a\.bin: expected (\d+) bytes by its header, got \d+$/);
  refuses(gzipSync(sums.subarray(0, sums.length - 1)), /by its header, got/);
  refuses(gzipSync(sums).subarray(0, 60), /got a gzip cut off|gzip is damaged|expected a RADOLAN file/);
  refuses(Buffer.concat([sums, Buffer.alloc(1)]), /by its header, got/);
  refuses(edited("RY10", "RW10"), /expected product RY or RX, got RW/);
  refuses(edited("RY1020", "RY3220"), /expected a time, got 2014-08-32 2050/);
  refuses(edited("0814BY", "1314BY"), /expected a time, got 2014-13-10 2050/);
  refuses(edited("GP   2x   3", "GP9999x9999"), /for 9999 x 9999, its header says/);
  refuses(edited("GP   2x   3", "GP   2x    "), /expected GP in the header/);
  refuses(edited("PR E-02", "PR     "), /expected PR in the header/);
  refuses(edited("INT   5", "INT   0"), /INT 0/);
});

test("1,000 mutated files end in a result or in our own error", () => {
  const uniform = random("radolan mutants");
  let refused = 0;
  for (let i = 0; i < 1000; i++) {
    const source = [sums, echoes, gzipSync(sums)][i % 3];
    const bytes = Buffer.from(source.subarray(0, Math.ceil(uniform() * 1.3 * source.length)));
    for (let n = Math.floor(uniform() * 4); n > 0; n--)
      bytes[Math.floor(uniform() * bytes.length)] = Math.floor(uniform() * 256);
    try {
      assert.equal(parseRadolan(bytes, "mutant").values.length, 6);
    } catch (error) {
      assert.ok(error instanceof UserError, String(error));
      refused++;
    }
  }
  assert.ok(refused > 200 && refused < 1000, `${refused}`);
});

test("a real RY file: every value as its two bytes say, in hundredths of mm", (t) => {
  const folder = sharedData(t, "dwd-radolan");
  if (!folder) return;
  const path = join(folder, readdirSync(folder).find((name) => name.includes("ry_10000"))!);
  const { values, ...about } = readRadolan(path);
  assert.deepEqual(about, { product: "RY", time: minutesOf("201408102050"), minutes: 5, height: 900, width: 900 });
  const plain = gunzipSync(readFileSync(path));
  const body = plain.subarray(plain.length - 2 * 900 * 900);
  let [missing, wet] = [0, 0];
  for (let row = 0; row < 900; row++) {
    for (let column = 0; column < 900; column++) {
      const bits = body.readUInt16LE(2 * ((899 - row) * 900 + column));
      const value = values[900 * row + column];
      if (bits === 0x29c4) missing++;
      if (value > 0) wet++;
      const expected = bits === 0x29c4 || bits >= 0x8000 ? Number.NaN : Math.fround((bits % 4096) / 100);
      if (!Object.is(Math.fround(value), expected))
        assert.ok(Math.abs(value - expected) < 1e-6, `${row}, ${column}: ${value}`);
    }
  }
  // Neuheilenbach, the westernmost radar, lies south of the middle.
  const west = Array.from({ length: 900 * 900 }, (_, i) => values[(i % 900) * 900 + Math.floor(i / 900)]);
  const row = west.findIndex((value) => !Number.isNaN(value)) % 900;
  assert.ok(row > 500 && row < 600, `${row}`);
  assert.ok(missing > 50_000 && missing < 500_000, `${missing}`);
  assert.ok(wet > 20_000, `${wet}`);
});
