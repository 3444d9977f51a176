import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { encodeNpy, type NpyData, parseNpy, readNpy, writeNpy } from "#src/datasets/formats/npy";
import { random } from "#src/random";
import { UserError } from "#src/types";

/** A file as NumPy writes it, header padded with spaces. */
function npy(header: string, body: Uint8Array, version = 1): Buffer {
  const text = Buffer.from(`${header}\n`, "latin1");
  const start = Buffer.alloc(version === 1 ? 10 : 12);
  start.write("\x93NUMPY", "latin1");
  start[6] = version;
  if (version === 1) start.writeUInt16LE(text.length, 8);
  else start.writeUInt32LE(text.length, 8);
  return Buffer.concat([start, text, body]);
}
const header = (descr: string, shape: string, fortran = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
const refuses = (bytes: Uint8Array, message: RegExp) =>
  assert.throws(
    () => parseNpy(bytes, "a.npy"),
    (error) => error instanceof UserError && message.test(error.message) && !error.message.includes("\n"),
  );

test("every type survives writing and reading, extremes included", () => {
  const folder = mkdtempSync(join(tmpdir(), "npy-"));
  const all: NpyData[] = [
    Float32Array.of(0.1, -1e30, Number.NaN, 4, 5, 6),
    Float64Array.of(0.1, -1e300, Infinity, 4, 5, 6),
    Uint8Array.of(0, 255, 2, 3, 4, 5),
    Int8Array.of(-128, 127, 2, 3, 4, 5),
    Uint16Array.of(0, 65535, 2, 3, 4, 5),
    Int16Array.of(-32768, 32767, 2, 3, 4, 5),
    Uint32Array.of(0, 2 ** 32 - 1, 2, 3, 4, 5),
    Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 2, 3, 4, 5),
    BigUint64Array.of(0n, 2n ** 64n - 1n, 2n, 3n, 4n, 5n),
    BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 2n, 3n, 4n, 5n),
  ];
  for (const data of all) {
    for (const shape of [[2, 3], [6], [1, 6, 1]]) {
      const path = join(folder, "a.npy");
      writeNpy(path, { shape, data });
      assert.deepEqual(readNpy(path), { shape, data });
    }
  }
  rmSync(folder, { recursive: true });
});

test("the bytes written are those of numpy.save(np.arange(3, dtype='<u2'))", () => {
  const bytes = Buffer.from(encodeNpy({ shape: [3], data: Uint16Array.of(0, 1, 2) }));
  assert.equal(bytes.length, 128 + 6);
  assert.equal(bytes.subarray(0, 10).toString("hex"), "934e554d505901007600");
  assert.equal(
    bytes.subarray(10, 128).toString(),
    `${"{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }".padEnd(117)}\n`,
  );
  assert.equal(bytes.subarray(128).toString("hex"), "000001000200");
});

test("big-endian values, versions 2 and 3, and unaligned data", () => {
  assert.deepEqual(
    [...parseNpy(npy(header(">i2", "(2,)"), Buffer.from("0102ff00", "hex"), 2), "").data],
    [0x0102, -256],
  );
  const eight = Buffer.alloc(8);
  eight.writeDoubleBE(-2.5);
  assert.deepEqual([...parseNpy(npy(header(">f8", "()"), eight, 3), "").data], [-2.5]);
  const four = Buffer.alloc(4);
  four.writeFloatBE(1.5);
  assert.deepEqual([...parseNpy(npy(`${header(">f4", "(1,)")} `, four), "").data], [1.5]);
  four.writeFloatLE(0.5);
  for (const pad of ["", " ", "  ", "   "]) {
    assert.deepEqual([...parseNpy(npy(header("<f4", "(1,)") + pad, four), "").data], [0.5]);
  }
});

test("Fortran order comes back in C order", () => {
  // numpy.asfortranarray([[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]]).tobytes("A")
  const body = Buffer.from([0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
  const { shape, data } = parseNpy(npy(header("|u1", "(2, 3, 2)", "True"), body), "");
  assert.deepEqual(shape, [2, 3, 2]);
  assert.deepEqual([...data], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("Python 2 shapes, empty axes and single numbers", () => {
  assert.deepEqual(parseNpy(npy(header("|u1", "(2L, 3L)"), Buffer.alloc(6)), "").shape, [2, 3]);
  assert.deepEqual(parseNpy(npy(header("<f4", "(0, 7)"), Buffer.alloc(0)), "").shape, [0, 7]);
  assert.deepEqual(parseNpy(npy(header("|i1", "()"), Buffer.from([200])), ""), { shape: [], data: Int8Array.of(-56) });
});

test("object arrays are refused, not opened", () => {
  refuses(npy(header("|O", "(1,)"), Buffer.from("cos\nsystem\n(S'false'\ntR.")), /holds Python objects .*not opened/);
  refuses(
    npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }", Buffer.alloc(8)),
    /expected type|objects/,
  );
});

test("truncated, padded, foreign and absurd files", () => {
  refuses(npy(header("<f4", "(3,)"), Buffer.alloc(11)), /^a\.npy: expected 12 bytes for f4 \(3\), got 11$/);
  refuses(npy(header("<f4", "(3,)"), Buffer.alloc(13)), /expected 12 bytes for f4 \(3\), got 13/);
  refuses(
    npy(header("<f4", "(3,)"), Buffer.alloc(12)).subarray(0, 40),
    /expected a header of \d+ bytes, got a file of 40/,
  );
  refuses(Buffer.from("PK\x03\x04 and so on"), /expected a NumPy file/);
  refuses(new Uint8Array(0), /expected a NumPy file/);
  refuses(npy(header("<f4", "(3,)"), Buffer.alloc(12), 9), /version 1, 2 or 3, got 9/);
  refuses(npy(header("<c8", "(3,)"), Buffer.alloc(24)), /expected type f4, .* got '<c8'/);
  refuses(npy(header("<toString", "(3,)"), Buffer.alloc(24)), /expected type f4/);
  refuses(npy(header("<f4", "(99999999999999999999, 9)"), Buffer.alloc(4)), /expected a shape of whole numbers/);
  refuses(
    npy(header("<f4", "(4294967295, 1048576)"), Buffer.alloc(4)),
    /expected a shape of whole numbers|expected \d+ bytes/,
  );
  refuses(npy(header("<f4", "(-1, 4)"), Buffer.alloc(4)), /expected a shape of whole numbers, got \(-1, 4\)/);
  refuses(npy(header("<f4", "(2, __import__)"), Buffer.alloc(4)), /expected a shape of whole numbers/);
  refuses(npy("{'descr': '<f4'}", Buffer.alloc(4)), /expected fortran_order and shape/);
  refuses(npy("{}", Buffer.alloc(4)), /got none/);
  assert.throws(
    () => encodeNpy({ shape: [2, 2], data: Uint8Array.of(1) }),
    /expected 4 values for shape \(2, 2\), got 1/,
  );
  assert.throws(() => readNpy("/nowhere/a.npy"), { name: "UserError", message: /not found/ });
});

test("2,000 mutated files end in a result or in our own error", () => {
  const uniform = random("npy mutants");
  const sources = [
    npy(header("<f4", "(2, 3)", "True"), Buffer.alloc(24)),
    npy(header(">i8", "(3L,)"), Buffer.alloc(24), 2),
  ];
  let refused = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = Buffer.from(sources[i % 2].subarray(0, Math.ceil(uniform() * 1.5 * sources[i % 2].length)));
    for (let n = Math.floor(uniform() * 3); n > 0; n--) {
      bytes[Math.floor(uniform() * bytes.length)] = Math.floor(uniform() * 256);
    }
    try {
      const { shape, data } = parseNpy(bytes, "mutant");
      assert.equal(
        data.length,
        shape.reduce((a, b) => a * b, 1),
      );
    } catch (error) {
      assert.ok(error instanceof UserError, String(error));
      refused++;
    }
  }
  assert.ok(refused > 500 && refused < 2000, `${refused}`);
});
