import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkpointsOf, openRun, stateOf } from "#src/train/run";
import { readLog } from "#src/train/runLog";

const folder = mkdtempSync(join(tmpdir(), "full-"));
const disk = join(folder, "disk");
mkdirSync(disk);
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=240k", "none", disk]).status === 0;
after(() => {
  if (mounted) spawnSync("umount", [disk]);
  rmSync(folder, { recursive: true, force: true });
});

const skip = !mounted && "a small disk cannot be mounted here";
const cli = (...args: string[]) => spawnSync(process.execPath, ["dist/cli.js", ...args], { encoding: "utf8" });
const train = (...args: string[]) => cli("train", ...args, "--backend", "wasm");
const settings = ["--profile", "quick", "--size", "16", "--filters", "4", "--context", "2", "--horizon", "2"];

test("a full disk keeps the checkpoint before, one line tells it, and with space again the run goes on", {
  skip,
}, () => {
  const run = join(disk, "run");
  // Some 80 kB a checkpoint: two are kept, a third does not fit beside them.
  const { status, stderr } = train("--out", run, ...settings, "--iterations", "20", "--checkpoint-every", "1");
  assert.equal(status, 1, stderr);
  const lines = stderr.split("\n").filter((line) => line.startsWith("ms-rnn: "));
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0], /^ms-rnn: cannot write .*: the disk is full$/);
  const left = checkpointsOf({ folder: run });
  assert.ok(left.length > 0 && left.at(-1)! < 20, `${left}`);
  assert.equal(stateOf(openRun(run)).state.iteration, left.at(-1));
  assert.ok(!readdirSync(join(run, "checkpoint")).some((name) => name.endsWith(".tmp")));
  assert.equal(spawnSync("mount", ["-o", "remount,size=4m", disk]).status, 0);
  const again = train("--resume", run);
  assert.equal(again.status, 0, again.stderr);
  assert.equal(checkpointsOf({ folder: run }).at(-1), 20);
  const steps = readLog(run).flatMap((event) => (event.kind === "step" ? [event.iteration] : []));
  assert.deepEqual(
    steps,
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  assert.ok(readFileSync(join(run, "config.json"), "utf8").endsWith("}\n"));
});

test("a run folder that is read-only is refused in one line, and stays as it is", { skip }, () => {
  const run = join(disk, "run");
  const listed = () => readdirSync(run, { recursive: true, encoding: "utf8" }).sort();
  const before = listed();
  assert.equal(spawnSync("mount", ["-o", "remount,ro", disk]).status, 0);
  for (const { status, stderr } of [
    train("--resume", run),
    train("--out", join(disk, "other"), ...settings),
    cli("evaluate", run, "--clips", "2"),
    cli("report", run),
  ]) {
    const lines = stderr.split("\n").filter((line) => line.startsWith("ms-rnn: "));
    assert.equal(status, 1, stderr);
    assert.match(lines.join("\n"), /^ms-rnn: cannot write [^\n]*read-only file system[^\n]*$/);
    assert.ok(!stderr.includes("    at "), stderr);
  }
  assert.deepEqual(listed(), before);
});
