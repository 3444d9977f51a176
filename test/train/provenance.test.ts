import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import { threads } from "#src/backend/threads";
import { commitOf, provenance } from "#src/train/provenance";
import { skip } from "../backend/onednn/forms";

const root = mkdtempSync(join(tmpdir(), "provenance-"));
after(() => rmSync(root, { recursive: true }));

/** Git without the user's own settings, and without those of a hook that may run this. */
const git = (folder: string, ...args: string[]) => {
  const settings = { GIT_CONFIG_NOSYSTEM: "1", HOME: root, PATH: process.env.PATH };
  const who = ["-c", "user.name=a", "-c", "user.email=a@b"];
  return execFileSync("git", [...who, ...args], { cwd: folder, encoding: "utf8", env: settings, stdio: "pipe" }).trim();
};

test("a process's facts are those of this machine and this version", async () => {
  await chooseBackend("wasm");
  const before = Date.now();
  const { started, node, tfjs, msRnn, platform, processor, threads: count } = provenance();
  const { version, dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  assert.deepEqual([msRnn, tfjs, node], [version, dependencies["@tensorflow/tfjs"], process.version]);
  assert.equal(platform, `${process.platform} ${process.arch}`);
  assert.ok(processor.length > 0);
  assert.equal(count, availableParallelism());
  assert.ok(Date.parse(started) >= before - 1 && Date.parse(started) <= Date.now());
});

test("the engine's own number of threads is told", { skip }, async () => {
  await chooseBackend("onednn");
  const { line } = await chooseBackend("onednn");
  assert.ok(line.includes(`, ${threads()} thread`), `${threads()}: ${line}`);
});

test("a checkout has its commit, marked where it was changed; other folders have none, even within a checkout", () => {
  const folder = join(root, "checkout");
  mkdirSync(join(folder, "inner"), { recursive: true });
  git(folder, "init", "-q");
  assert.equal(commitOf(folder), undefined, "no commit yet");
  writeFileSync(join(folder, "file"), "1");
  git(folder, "add", "file");
  git(folder, "commit", "-qm", "first");
  git(folder, "tag", "v1");
  const commit = git(folder, "rev-parse", "HEAD");
  assert.match(commit, /^[0-9a-f]{40}$/);
  assert.equal(commitOf(folder), commit);
  writeFileSync(join(folder, "new"), "");
  assert.equal(commitOf(folder), commit, "a file that git does not know changes nothing");
  writeFileSync(join(folder, "file"), "two");
  assert.equal(commitOf(folder), `${commit}-dirty`);
  assert.equal(commitOf(join(folder, "inner")), undefined);
  assert.equal(commitOf(root), undefined);
});
