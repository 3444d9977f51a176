import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { lockAddresses, lockRun } from "#src/train/lock";
import { UserError } from "#src/types";

const root = mkdtempSync(join(tmpdir(), "lock-"));
after(() => rmSync(root, { recursive: true }));
let folders = 0;
function folder(): string {
  const path = join(root, String(folders++));
  mkdirSync(path);
  return path;
}

/** A process that has the lock of a folder, and lives until it is killed. */
async function holder(path: string, ...addresses: string[][]): Promise<ChildProcess> {
  const code =
    `const { lockRun } = require(${JSON.stringify(require.resolve("#src/train/lock"))});` +
    `lockRun(...${JSON.stringify([path, ...addresses])}).then(() => { console.log("held"); setInterval(() => {}, 1000); });`;
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

const refused = (lock: Promise<unknown>, process: number | undefined) =>
  assert.rejects(lock, (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, new RegExp(`process ${process} is training into this folder`));
    return true;
  });

// The file of a socket is what is used where there is nothing better: as if there were not.
const kinds = { "this system's lock": undefined, "a socket's file": (path: string) => lockAddresses(path).slice(-1) };

for (const [kind, addressesOf] of Object.entries(kinds)) {
  const where = (path: string) => (addressesOf ? [addressesOf(path)] : []);

  test(`${kind}: a second process is refused, naming the first; killed, the first leaves the folder free at once`, async () => {
    const path = folder();
    const child = await holder(path, ...where(path));
    try {
      await refused(lockRun(path, ...where(path)), child.pid);
    } finally {
      await kill(child);
    }
    (await lockRun(path, ...where(path)))();
    assert.deepEqual(readdirSync(path), []);
  });

  test(`${kind}: released, it is free; until then this process is refused too; other folders are free`, async () => {
    const path = folder();
    const release = await lockRun(path, ...where(path));
    await refused(lockRun(path, ...where(path)), process.pid);
    const other = folder();
    (await lockRun(other, ...where(other)))();
    release();
    const again = await lockRun(path, ...where(path));
    again();
    if (addressesOf && process.platform !== "win32") assert.ok(!existsSync(addressesOf(path)[0]));
  });
}

test("all spellings of a folder are one folder", async () => {
  const path = folder();
  symlinkSync(path, join(root, "link"));
  const release = await lockRun(path);
  for (const spelling of [join(root, "link"), relative(".", path), `${path}/./`])
    await refused(lockRun(spelling), process.pid);
  release();
});

test("a lock does not keep its process alive", async () => {
  const path = folder();
  const code = `require(${JSON.stringify(require.resolve("#src/train/lock"))}).lockRun(${JSON.stringify(path)});`;
  const child = spawn(process.execPath, ["-e", code], { timeout: 5_000 });
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

test("where the system refuses one kind of lock the next is taken; where it refuses all, or there is no folder, it is told", async () => {
  const path = folder();
  const impossible = join(root, "missing", "socket");
  const last = lockAddresses(path).slice(-1);
  const release = await lockRun(path, [impossible, ...last]);
  await refused(lockRun(path, [impossible, ...last]), process.pid);
  release();
  await assert.rejects(lockRun(path, [impossible]), /^UserError: cannot lock \S+: listen EACCES/);
  await assert.rejects(lockRun(join(root, "missing")), /^UserError: cannot lock \S+missing: ENOENT/);
});

test("a file that no process listens on is no lock", {
  skip: process.platform === "win32",
}, async () => {
  const path = folder();
  const [address] = lockAddresses(path).slice(-1);
  writeFileSync(address, "");
  (await lockRun(path, [address]))();
});
