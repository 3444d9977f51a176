import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { parseIdx, readIdx } from "#src/datasets/formats/idx";
import { random } from "#src/random";
import { UserError } from "#src/types";

const folder = mkdtempSync(join(tmpdir(), "idx-"));
after(() => rmSync(folder, { recursive: true }));

/** Two pictures of 2 x 3. */
const whole = Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]);
const refuses = (bytes: Uint8Array, message: RegExp) =>
  assert.throws(
    () => parseIdx(bytes, "a.idx"),
    (error) => error instanceof UserError && message.test(error.message) && !error.message.includes("\n"),
  );

test("shape and values, plain and gzip alike, whatever the name", () => {
  for (const bytes of [whole, gzipSync(whole)]) {
    const path = join(folder, "pictures");
    writeFileSync(path, bytes);
    const { shape, data } = readIdx(path);
    assert.deepEqual(shape, [2, 2, 3]);
    assert.deepEqual([...data], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]);
  }
});

test("one to four axes", () => {
  assert.deepEqual(parseIdx(Buffer.from([0, 0, 8, 1, 0, 0, 0, 2, 7, 8]), "").shape, [2]);
  assert.deepEqual(
    parseIdx(Buffer.from([0, 0, 8, 4, ...[1, 2, 1, 1].flatMap((n) => [0, 0, 0, n]), 7, 8]), "").shape,
    [1, 2, 1, 1],
  );
});

test("a checksum is kept or both are named", () => {
  const path = join(folder, "sum");
  writeFileSync(path, whole);
  const sha256 = createHash("sha256").update(whole).digest("hex");
  assert.equal(readIdx(path, { sha256 }).data.length, 12);
  const wrong = "0".repeat(64);
  assert.throws(() => readIdx(path, { sha256: wrong }), {
    name: "UserError",
    message: `${path}: expected sha256 ${wrong}, got ${sha256}`,
  });
});

test("missing, truncated, padded and foreign files", () => {
  assert.throws(() => readIdx(join(folder, "none")), { name: "UserError", message: /not found.*none/ });
  refuses(whole.subarray(0, 20), /^a\.idx: expected 28 bytes by its header, got 20$/);
  refuses(whole.subarray(0, 9), /expected 16 bytes by its header, got 9/);
  refuses(new Uint8Array(0), /expected 8 bytes by its header, got 0/);
  refuses(Buffer.concat([whole, Buffer.alloc(1)]), /expected 28 bytes by its header, got 29/);
  refuses(Buffer.from("\x89PNG.....", "latin1"), /expected an IDX file of unsigned bytes .* got 89504e47/);
  refuses(Buffer.from([0, 0, 13, 1, 0, 0, 0, 0]), /got 00000d01/);
  refuses(Buffer.from([0, 0, 8, 9, 0, 0, 0, 0]), /got 00000809/);
});

test("a header that promises far more than is there costs nothing", () => {
  const absurd = Buffer.from([0, 0, 8, 3, ...Array(12).fill(255), 1]);
  refuses(absurd, /expected 7\.\d+e\+28 bytes by its header, got 17/);
  refuses(gzipSync(absurd), /expected 7\.\d+e\+28 bytes by its header, got a gzip of \d+/);
});

test("damaged, cut and overfull gzip", () => {
  const packed = gzipSync(whole);
  refuses(
    packed.subarray(0, packed.length - 12),
    /expected 28 bytes by its header, got a gzip cut off|gzip is damaged/,
  );
  refuses(gzipSync(Buffer.concat([whole, Buffer.alloc(1000)])), /expected 28 bytes in the gzip, got more/);
  refuses(gzipSync(whole.subarray(0, 20)), /expected 28 bytes by its header, got 20/);
  refuses(Buffer.from([0x1f, 0x8b, 1, 2, 3, 4]), /gzip is damaged|got/);
});

test("2,000 mutated files end in a result or in our own error", () => {
  const uniform = random("idx mutants");
  const sources = [whole, gzipSync(whole)];
  let refused = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = Buffer.from(sources[i % 2].subarray(0, Math.ceil(uniform() * 1.3 * sources[i % 2].length)));
    for (let n = Math.floor(uniform() * 4); n > 0; n--) {
      bytes[Math.floor(uniform() * bytes.length)] = Math.floor(uniform() * 256);
    }
    try {
      const { shape, data } = parseIdx(bytes, "mutant");
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
