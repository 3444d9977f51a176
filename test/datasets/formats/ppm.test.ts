import assert from "node:assert/strict";
import { test } from "node:test";
import { type PpmPicture, ppmPictures } from "#src/datasets/formats/ppm";

async function read(bytes: Buffer, pieces: number): Promise<PpmPicture[]> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += pieces) yield bytes.subarray(at, at + pieces);
  }
  const found: PpmPicture[] = [];
  for await (const picture of ppmPictures(chunks(), "film")) found.push(picture);
  return found;
}

test("pictures come whole however the bytes are cut; one that breaks off is left out", async () => {
  const bytes = Buffer.from("P6\n2 1\n255\nabcdefP6\n1 2\n255\nghi\n\n\nP6\n1 1\n255\nxy", "latin1");
  for (const pieces of [1, 2, 3, 7, 1000]) {
    assert.deepEqual(await read(bytes, pieces), [
      { height: 1, width: 2, rgb: Uint8Array.from(Buffer.from("abcdef")) },
      { height: 2, width: 1, rgb: Uint8Array.from(Buffer.from("ghi\n\n\n")) },
    ]);
  }
});

test("what is no such picture is named, and never asks for much memory", async () => {
  for (const text of ["P5\n2 1\n255\n", "P6\n0 1\n255\n", "P6\n2 1\n65535\n", "P6\n99999 99999\n255\n"]) {
    await assert.rejects(read(Buffer.from(text + "x".repeat(50)), 9), {
      name: "UserError",
      message: "film: expected PPM pictures",
    });
  }
});
