import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodePicture } from "#src/display/canvas";
import { pictures } from "./pictures";

// The tests run from dist/test/display; the stored pictures stay with the sources.
const root = join(__dirname, "..", "..", "..");
const stored = join(root, "test", "reference", "gallery");
const changed = join(root, "out", "gallery");
const rewrite = process.env.MS_RNN_GALLERY === "update";

/** Part of the pixels that differ by more than a quarter of the range in a channel; 1 for another size. */
async function changedPart(a: Buffer, b: Buffer): Promise<number> {
  const [one, two] = [await decodePicture(a), await decodePicture(b)];
  if (one.width !== two.width || one.height !== two.height) return 1;
  let differing = 0;
  for (let i = 0; i < one.data.length; i += 4) {
    const off = Math.max(...[0, 1, 2].map((k) => Math.abs(one.data[i + k] - two.data[i + k])));
    if (off > 64) differing++;
  }
  return differing / (one.data.length / 4);
}

for (const [name, draw] of Object.entries(pictures)) {
  test(`gallery: ${name} looks as stored`, async () => {
    const { png, width, height } = draw();
    assert.ok(width >= 200 && height >= 200, `${width} x ${height} pixels are too small`);
    const path = join(stored, `${name}.png`);
    if (rewrite) {
      mkdirSync(stored, { recursive: true });
      writeFileSync(path, png);
      return;
    }
    const part = existsSync(path) ? await changedPart(png, readFileSync(path)) : 1;
    if (part <= 0.001) return;
    mkdirSync(changed, { recursive: true });
    writeFileSync(join(changed, `${name}.png`), png);
    const percent = (100 * part).toFixed(2);
    assert.fail(`${percent} % of the pixels differ: look at out/gallery/${name}.png; MS_RNN_GALLERY=update accepts it`);
  });
}

test("gallery: a changed picture is noticed", async () => {
  const part = await changedPart(pictures["loss-early"]().png, pictures["loss-none"]().png);
  assert.ok(part > 0.001, `only ${part} of the pixels differ`);
});
