import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { requireWholeVideo } from "#src/datasets/formats/videoLength";

const folder = mkdtempSync(join(tmpdir(), "length-"));
after(() => rmSync(folder, { recursive: true }));

const check = (hex: string, more: number, demuxer: string) => {
  const path = join(folder, "film");
  writeFileSync(path, Buffer.concat([Buffer.from(hex.replaceAll(" ", ""), "hex"), Buffer.alloc(more)]));
  return () => requireWholeVideo(path, demuxer);
};
const cut = (expected: number, got: number) => ({
  name: "UserError",
  message: `${join(folder, "film")} is cut off: expected ${expected} bytes, got ${got}`,
});

test("AVI: the size of RIFF and 8 bytes", () => {
  check("52494646 0e000000 41564920", 10, "avi")();
  check("52494646 0e000000 41564920", 12, "avi")();
  assert.throws(check("52494646 0e000000 41564920", 9, "avi"), cut(22, 21));
});

test("Matroska: the end of the segment, its size in 1 to 8 bytes, known or not", () => {
  const header = "1a45dfa3 82 aabb 18538067";
  check(`${header} 85`, 5, "matroska")();
  assert.throws(check(`${header} 85`, 4, "matroska"), cut(17, 16));
  assert.throws(check(`${header} 4005`, 4, "matroska"), cut(18, 17));
  assert.throws(check(`${header} 0100000000000005`, 4, "matroska"), cut(24, 23));
  for (const unknown of ["ff", "7fff", "01ffffffffffffff"]) check(header + unknown, 1, "matroska")();
  // What is no Matroska is left to ffmpeg.
  for (const other of ["1a45dfa3", "1a45dfa3 00", "1a45dfa3 82 aabb 11111111 8f", "00"]) check(other, 0, "matroska")();
});

test("others are not looked into, but for being there", () => {
  check("00", 0, "mov")();
  assert.throws(check("", 0, "mov"), { name: "UserError", message: /film is empty, expected a video/ });
});
