import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readImage } from "#src/datasets/formats/image";
import { pictureSize } from "#src/datasets/formats/pictureSize";
import { blank } from "#src/display/canvas";

const folder = mkdtempSync(join(tmpdir(), "picture-"));
after(() => rmSync(folder, { recursive: true }));

const made = (type: string) => blank(300, 20).canvas.toBuffer(type as "image/png");

test("sides of every format, as they were written", () => {
  for (const type of ["image/png", "image/jpeg", "image/webp"])
    assert.deepEqual(pictureSize(made(type)), [20, 300], type);
  const bytes = (...parts: (string | number[])[]) =>
    Buffer.concat(parts.map((part) => Buffer.from(part as string, "latin1")));
  const webp = (kind: string, ...rest: number[]) => bytes("RIFF....WEBP", kind, [0, 0, 0, 0], rest);
  // Sides 300 and 20 in 14 bits after ten bytes; less one in 14 bits each; less one in 24 bits each.
  assert.deepEqual(pictureSize(webp("VP8 ", 0, 0, 0, 0x9d, 1, 0x2a, 0x2c, 0x41, 20, 0x40)), [20, 300]);
  assert.deepEqual(pictureSize(webp("VP8L", 0x2f, 0x2b, 0xc1, 4, 0)), [20, 300]);
  assert.deepEqual(pictureSize(webp("VP8X", 0, 0, 0, 0, 0x2b, 1, 0, 19, 0, 0)), [20, 300]);
  const core = bytes("BM", Array(12).fill(0), [12, 0, 0, 0, 0x2c, 1, 20, 0]);
  const info = bytes("BM", Array(12).fill(0), [40, 0, 0, 0, 0x2c, 1, 0, 0, 0xec, 255, 255, 255]);
  assert.deepEqual(
    [pictureSize(core), pictureSize(info)],
    [
      [20, 300],
      [20, 300],
    ],
  );
  // Tables and comments stand before the frame; markers may be filled up.
  const jpeg = bytes([255, 0xd8, 255, 0xc4, 0, 3, 9, 255, 255, 0xfe, 0, 2, 255, 0xc2, 0, 17, 8, 0, 20, 1, 0x2c]);
  assert.deepEqual(pictureSize(jpeg), [20, 300]);
  for (const cut of [0, 3, 12, 18]) assert.equal(pictureSize(jpeg.subarray(0, cut)), undefined, `${cut} bytes`);
  assert.equal(pictureSize(webp("ALPH")), undefined);
});

test("what is too large, or no picture but a drawing that names other files, is refused before it is decoded", async () => {
  const refused = async (name: string, bytes: Uint8Array, message: RegExp) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    await assert.rejects(readImage(path), { name: "UserError", message });
  };
  const huge = Buffer.from(made("image/png"));
  huge.writeUInt32BE(100_000, 16);
  huge.writeUInt32BE(100_000, 20);
  await refused("huge.png", huge, /huge\.png is 100000 x 100000, expected at most 16777216 pixels/);
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"><image href="/etc/passwd"/></svg>`;
  await refused("drawing.png", Buffer.from(drawing), /drawing\.png: no \.png picture that can be read \(no PNG, JPEG/);
});
