import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { enginePath } from "#src/backend/onednn/native";
import { check, type SoakReport, soak } from "#src/bench/soakBench";
import { soakOutcome, soakTable } from "#src/cli/benchSoak";
import { experiment } from "#src/profiles";

const tiny = experiment("quick", { filters: 2, size: 16, context: 2, horizon: 2, batch: 1, iterations: 20 });

const held = { step: 500, residentBytes: 200e6, heapBytes: 40e6, tensors: 66, pool: { usedBytes: 5, freeBytes: 7 } };
const good: SoakReport = {
  recorded: true,
  early: held,
  end: { ...held, step: 10_000, residentBytes: 219e6, pool: { usedBytes: 5, freeBytes: 9 } },
  longestBlockSeconds: 0.249,
  stepsPerSecond: 10,
  cancelled: { batch: 1, replaySeconds: 3, latencySeconds: 0.199, same: true },
};

/** What is not kept. */
const broken = (report: SoakReport) =>
  check(report)
    .filter(({ kept }) => !kept)
    .map(({ name }) => name);

test("a training is held to each limit", () => {
  const { end, cancelled } = good;
  const reports: [SoakReport, ...string[]][] = [
    [good],
    [{ ...good, end: { ...end, residentBytes: 221e6 } }, "memory"],
    [{ ...good, end: { ...end, residentBytes: 100e6 } }],
    [{ ...good, end: { ...end, tensors: 67 } }, "tensors"],
    [{ ...good, end: { ...end, tensors: 65 } }, "tensors"],
    [{ ...good, end: { ...end, pool: { usedBytes: 6, freeBytes: 7 } } }, "pool"],
    [{ ...good, longestBlockSeconds: 0.251 }, "block"],
    [{ ...good, cancelled: { ...cancelled!, latencySeconds: 0.201 } }, "cancel"],
    [{ ...good, cancelled: { ...cancelled!, same: false } }, "weights"],
  ];
  for (const [report, ...names] of reports) assert.deepEqual(broken(report), names);
});

test("what is not recorded may block the event loop", () => {
  const { cancelled, ...rest } = good;
  const eager = { ...rest, recorded: false, longestBlockSeconds: 3 };
  assert.deepEqual(broken(eager), []);
  assert.deepEqual(
    check(eager).map(({ name }) => name),
    ["memory", "tensors", "pool"],
  );
});

test("a limit that is not kept gives status 1, and is marked", (context) => {
  const lines: string[] = [];
  context.mock.method(console, "log", (line: string) => lines.push(line));
  const grown = { ...good, end: { ...good.end, residentBytes: 230e6 } };
  const outcomes = [good, grown].map((report) => soakOutcome(tiny, "onednn", report));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [0, 1],
  );
  const [{ json: first }, { json: second }] = outcomes;
  assert.deepEqual([first.kept, second.kept, second.growthBytes], [true, false, 30e6]);
  assert.doesNotMatch(lines[1], /NOT KEPT/);
  assert.match(lines[3], /^\| growth +\| +\| +30\.0 MB \| +20\.0 MB \| NOT KEPT \|$/m);
  assert.match(soakTable(good), /^\| weights after the stop .* as before \| +as before \| +kept \|$/m);
});

test("a short training in a process of its own: recorded, and stopped in a replay", {
  skip: !existsSync(enginePath()) && "no engine",
}, async () => {
  const lines: string[] = [];
  const tell = (line: string) => lines.push(line);
  const report = await soak({
    settings: tiny,
    backend: "onednn",
    eager: false,
    cancel: tiny,
    replaySeconds: 0.1,
    tell,
  });
  const { recorded, early, end, cancelled, longestBlockSeconds, stepsPerSecond } = report;
  assert.deepEqual([recorded, early.step, end.step], [true, 10, 20]);
  assert.ok(early.pool!.usedBytes > 0);
  assert.ok(longestBlockSeconds > 0 && stepsPerSecond > 0 && cancelled!.latencySeconds >= 0);
  // One clip takes less than a hundredth of that.
  assert.ok(cancelled!.replaySeconds >= 0.1, `${cancelled!.replaySeconds} s, batch ${cancelled!.batch}`);
  const kept = Object.fromEntries(check(report).map((one) => [one.name, one.kept]));
  assert.deepEqual([kept.tensors, kept.pool, kept.weights], [true, true, true]);
  assert.match(lines.at(-2)!, /^step 20 of 20: .* steps\/s, loss /);
});

test("operation by operation there is neither a limit of blocks nor a replay to stop", () => {
  const args = ["bench", "soak", "--eager", "--steps", "4", "--filters", "2", "--backend", "wasm", "--json"];
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", ...args], { encoding: "utf8" });
  const result = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  assert.equal(status, result.kept ? 0 : 1, stderr);
  const { recorded, early, end, steps, filters, size, cancelled, checks } = result;
  assert.deepEqual([recorded, early.step, end.step, steps, filters, size], [false, 2, 4, 4, 2, 16]);
  assert.equal(cancelled, undefined);
  assert.deepEqual(
    checks.map(({ name }: { name: string }) => name),
    ["memory", "tensors"],
  );
  assert.equal(checks[1].kept, true, stdout);
});
