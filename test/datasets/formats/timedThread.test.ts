import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { TimedThread } from "#src/datasets/formats/timedThread";

const path = join(__dirname, "stuckThread.js");

test("questions are answered in turn; one that takes too long ends the thread, and the next starts another", () => {
  const thread = new TimedThread(path);
  assert.equal(thread.isRunning, false);
  assert.deepEqual(thread.ask(4, 10), Float64Array.of(1, 8));
  assert.deepEqual(thread.ask(5, 10), Float64Array.of(2, 10));
  for (const bad of ["loop", "fall"]) {
    const started = performance.now();
    assert.equal(thread.ask(bad, 0.2), undefined, bad);
    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds >= 0.2 && seconds < 2, `${bad}: ${seconds} s`);
    assert.equal(thread.isRunning, false);
    assert.deepEqual(thread.ask(6, 10), Float64Array.of(1, 12), `after ${bad}`);
  }
  thread.end();
  assert.equal(thread.isRunning, false);
});

test("a program ends though a thread of it runs or hangs, and what that prints is not seen", () => {
  const program = `
    const { TimedThread } = require(${JSON.stringify(require.resolve("#src/datasets/formats/timedThread"))});
    const thread = new TimedThread(${JSON.stringify(path)});
    thread.ask("print", 10);
    thread.ask("loop", 0.1);
    console.log(thread.ask(1, 10)[1]);`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["-e", program], {
    encoding: "utf8",
    timeout: 20_000,
  });
  assert.deepEqual([status, stdout, stderr], [0, "2\n", ""]);
});
