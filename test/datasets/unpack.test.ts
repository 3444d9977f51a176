import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { zipSync } from "fflate";
import { unpack } from "#src/datasets/unpack";
import { random } from "#src/random";
import { UserError } from "#src/types";

const folder = mkdtempSync(join(tmpdir(), "unpack-"));
after(() => rmSync(folder, { recursive: true }));

const uniform = random("unpack");
const long = Uint8Array.from({ length: 300_000 }, () => 256 * uniform());
const content = { "walking/a.avi": long, "b.txt": Buffer.from("text") };

const archive = (name: string, bytes: Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

test("every file comes out as it went in, deflated and stored", () => {
  for (const level of [0, 6] as const) {
    const to = join(folder, `out-${level}`);
    unpack(archive(`${level}.zip`, zipSync(content, { level })), to);
    assert.deepEqual(new Uint8Array(readFileSync(join(to, "walking", "a.avi"))), long);
    assert.equal(readFileSync(join(to, "b.txt"), "utf8"), "text");
  }
});

test("bad archives: one line, and nothing of them stays", () => {
  const whole = zipSync(content);
  const damaged = zipSync({ "a.txt": Buffer.from("words and ".repeat(500)) });
  damaged.fill(0xff, 36, 60);
  const before = () => readdirSync(folder).filter((name) => !name.endsWith(".zip"));
  const there = before();
  const cases: [name: string, bytes: Uint8Array, message: RegExp][] = [
    ["text.zip", Buffer.from("no archive"), /no zip archive that can be read \(no files\)/],
    ["empty.zip", new Uint8Array(), /no zip archive that can be read \(no files\)/],
    ["cut.zip", whole.subarray(0, 150_000), /no zip archive that can be read/],
    ["damaged.zip", damaged, /no zip archive that can be read/],
    ["up.zip", zipSync({ "../../up.txt": Buffer.from("x") }), /it has a file named \.\.\/\.\.\/up\.txt/],
    ["root.zip", zipSync({ "/etc/x": Buffer.from("x") }), /it has a file named \/etc\/x/],
  ];
  for (const [name, bytes, message] of cases) {
    assert.throws(
      () => unpack(archive(name, bytes), join(folder, "bad")),
      (error: Error) => error instanceof UserError && message.test(error.message) && !error.message.includes("\n"),
      name,
    );
    assert.deepEqual(before(), there, name);
  }
  assert.throws(() => unpack(join(folder, "none.zip"), join(folder, "bad")), /zip archive not found/);
});
