import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openToAppend, placeAtomic, readFile, readJson, writeAtomic } from "#src/files";

const folder = mkdtempSync(join(tmpdir(), "files-"));
after(() => rmSync(folder, { recursive: true }));

test("a file is written whole, folders are made, no temporary name stays", () => {
  const path = join(folder, "a", "b.txt");
  writeAtomic(path, "one ", Buffer.from("two"));
  assert.equal(readFileSync(path, "utf8"), "one two");
  writeAtomic(path, "three");
  assert.equal(readFileSync(path, "utf8"), "three");
  assert.deepEqual(readdirSync(join(folder, "a")), ["b.txt"]);
});

test("a write that fails leaves the old content and nothing else", () => {
  const path = join(folder, "kept.txt");
  writeAtomic(path, "old");
  // The first part is written when the second turns out to be unreadable.
  const second = Object.defineProperty(new Uint8Array(1), "byteLength", {
    get: () => {
      throw Object.assign(new Error("write"), { code: "ENOSPC" });
    },
  });
  assert.throws(() => writeAtomic(path, "new", second), { name: "UserError", message: /the disk is full$/ });
  assert.equal(readFileSync(path, "utf8"), "old");
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith("kept")),
    ["kept.txt"],
  );
  const blocked = join(folder, "file");
  writeFileSync(blocked, "");
  assert.throws(() => writeAtomic(join(blocked, "below"), "x"), {
    name: "UserError",
    message: /^cannot write .*below/,
  });
});

test("missing, unreadable and foreign files are named", () => {
  const missing = join(folder, "missing");
  assert.throws(() => readFile(missing, "weights"), { message: `weights not found: expected a file at ${missing}` });
  assert.throws(() => readFile(folder, "weights"), { message: `weights: expected a file, got a folder: ${folder}` });
  const text = join(folder, "text");
  writeFileSync(text, "{");
  chmodSync(text, 0o600);
  assert.throws(() => readJson(text, "settings"), { name: "UserError", message: /^settings is not JSON: / });
});

test("a file that something else makes is placed when it is whole; where that fails nothing stays", async () => {
  const path = join(folder, "placed", "a.bin");
  await placeAtomic(path, async (temporary) => writeFileSync(temporary, "whole"));
  assert.equal(readFileSync(path, "utf8"), "whole");
  const half = (error: Error) => async (temporary: string) => {
    writeFileSync(temporary, "half");
    throw error;
  };
  await assert.rejects(placeAtomic(path, half(new Error("mine"))), /^Error: mine$/);
  await assert.rejects(placeAtomic(path, half(Object.assign(new Error("write"), { code: "ENOSPC" }))), {
    name: "UserError",
    message: `cannot write ${path}: the disk is full`,
  });
  assert.equal(readFileSync(path, "utf8"), "whole");
  assert.deepEqual(readdirSync(join(folder, "placed")), ["a.bin"]);
});

test("a file grows at its end; a new one must not be there yet", () => {
  const path = join(folder, "grown");
  const file = openToAppend(path, "new");
  assert.equal(file.last(), undefined);
  file.append(Buffer.from("one"));
  writeFileSync(path, "two ", { flag: "a" });
  file.append(Buffer.from("three"));
  file.flush();
  assert.equal(file.last(), "e".charCodeAt(0));
  file.close();
  assert.equal(readFileSync(path, "utf8"), "onetwo three");
  assert.throws(() => openToAppend(path, "new"), { name: "UserError", message: /^cannot write .*grown: EEXIST/ });
  const again = openToAppend(path, "any");
  again.append(Buffer.from("!"));
  again.close();
  assert.equal(readFileSync(path, "utf8"), "onetwo three!");
});

test("an append that fails is told", { skip: !existsSync("/dev/full") && "no /dev/full here" }, () => {
  const file = openToAppend("/dev/full", "any");
  assert.throws(() => file.append(Buffer.from("x")), {
    name: "UserError",
    message: "cannot write /dev/full: the disk is full",
  });
  file.close();
});
