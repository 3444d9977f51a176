import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { random } from "#src/random";
import { parseSafetensors, readSafetensors, writeSafetensors } from "#src/weights/safetensors";

const folder = mkdtempSync(join(tmpdir(), "safetensors-"));
after(() => rmSync(folder, { recursive: true }));

/** A file with the header given and `size` bytes of zeros behind it. */
function file(header: unknown, size = 0): Uint8Array {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = Buffer.alloc(8 + text.length + size);
  bytes.writeBigUInt64LE(BigInt(text.length));
  text.copy(bytes, 8);
  return bytes;
}

test("what is written is read, empty and scalar shapes and odd names included", () => {
  const path = join(folder, "some.safetensors");
  const written = new Map([
    ["a.b", { shape: [2, 3], data: Float32Array.of(1, -2, 0.5, 3e-38, 1e38, -0) }],
    ["scalar", { shape: [], data: Float32Array.of(7) }],
    ["none é", { shape: [0, 4], data: new Float32Array() }],
  ]);
  writeSafetensors(path, written, { key: "value" });
  const { tensors, metadata } = readSafetensors(path);
  assert.deepEqual(tensors, written);
  assert.deepEqual(metadata, { key: "value" });
  assert.equal((8 + Number(readFileSync(path).readBigUInt64LE())) % 8, 0);
});

test("files that are none are refused in one line", () => {
  const entry = (change: object) => ({ x: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...change } });
  const refuse = (bytes: Uint8Array, message: RegExp) =>
    assert.throws(() => parseSafetensors(bytes, "f"), { name: "UserError", message });
  refuse(new Uint8Array(5), /at least 8 bytes, got 5/);
  refuse(file("{}").subarray(0, 9), /header of 2 bytes announced, but the file has 9/);
  refuse(Buffer.alloc(8, 255), /header of 18446744073709552000 bytes/);
  refuse(file("{"), /its header is not JSON/);
  refuse(file("[]"), /its header is no object/);
  refuse(file("null"), /its header is no object/);
  refuse(file(entry({ dtype: "F64" }), 8), /dtype F64, expected F32/);
  refuse(file(entry({ shape: [-2] }), 8), /no valid shape/);
  refuse(file(entry({ shape: "2" }), 8), /no valid shape/);
  refuse(file(entry({ data_offsets: [0] }), 8), /no valid shape or offsets/);
  refuse(file(entry({}), 4), /ends at byte 8, but the file has 4 bytes of data/);
  refuse(file(entry({ data_offsets: [8, 0] }), 8), /ends at byte 0/);
  refuse(file(entry({ shape: [3] }), 8), /of shape \[3\] needs 12 bytes, has 8/);
  refuse(file(entry({ shape: [1] }), 8), /of shape \[1\] needs 4 bytes, has 8/);
  refuse(file({ x: null }), /dtype undefined/);
  assert.throws(() => readSafetensors(join(folder, "none")), { message: /not found/ });
});

test("2,000 mutated files: a result or our error, nothing else", () => {
  const whole = file({ x: { dtype: "F32", shape: [2, 2], data_offsets: [0, 16] } }, 16);
  const draw = random("mutated");
  for (let i = 0; i < 2000; i++) {
    const bytes = Buffer.from(whole);
    for (let k = 0; k <= i % 3; k++) bytes[Math.floor(draw() * bytes.length)] = Math.floor(draw() * 256);
    try {
      parseSafetensors(i % 5 === 0 ? bytes.subarray(0, Math.floor(draw() * bytes.length)) : bytes, "f");
    } catch (error) {
      assert.equal((error as Error).name, "UserError", String((error as Error).stack));
    }
  }
});
