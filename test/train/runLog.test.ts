import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { random } from "#src/random";
import { type LogEvent, openLog, readLog, reproducible } from "#src/train/runLog";
import { UserError } from "#src/types";

const root = mkdtempSync(join(tmpdir(), "runLog-"));
after(() => rmSync(root, { recursive: true }));

const time = "2024-01-01T00:00:00.000Z";
const step = (iteration: number, framesPerSecond = 1): LogEvent => ({
  kind: "step",
  iteration,
  loss: 1 / iteration,
  learningRate: 1e-3,
  framesPerSecond,
  time,
});
const checkpoint = (iteration: number): LogEvent => ({
  kind: "checkpoint",
  iteration,
  path: `${iteration}.safetensors`,
});
const resume = (iteration: number): LogEvent => ({ kind: "resume", iteration, backend: "cpu", time });
const validation = (iteration: number): LogEvent => ({ kind: "validation", iteration, score: 0.1, best: true });

let folders = 0;
function folder(content?: string): string {
  const path = join(root, String(folders++));
  mkdirSync(path);
  if (content !== undefined) writeFileSync(join(path, "log.jsonl"), content);
  return path;
}

/** Opens the log of a folder, appends, and closes it. */
function write(path: string, ...events: LogEvent[]): string {
  const log = openLog(path);
  for (const event of events) log.append(event);
  log.flush();
  log.close();
  return readFileSync(log.path, "utf8");
}

const lines = (...events: LogEvent[]) => events.map((event) => `${JSON.stringify(event)}\n`).join("");
const fails = (path: string, message: RegExp) =>
  assert.throws(
    () => readLog(path),
    (error) => error instanceof UserError && message.test(error.message),
  );

test("events are lines, appended to those that are there, and are read back from the folder and from the file", () => {
  const path = folder();
  assert.equal(write(path, step(1)), lines(step(1)));
  assert.equal(
    write(path, checkpoint(1), { kind: "note", text: "a\nb" }),
    lines(step(1), checkpoint(1), { kind: "note", text: "a\nb" }),
  );
  const events = [step(1), checkpoint(1), { kind: "note", text: "a\nb" }];
  assert.deepEqual(readLog(path), events);
  assert.deepEqual(readLog(join(path, "log.jsonl")), events);
});

test("a line that a dying process cut off is not continued, and is skipped", () => {
  const whole = lines(step(1), checkpoint(1), step(2));
  const random2 = random("cut");
  for (let trial = 0; trial < 50; trial++) {
    const kept = lines(step(1), checkpoint(1)).length + 1 + Math.floor(random2() * (lines(step(2)).length - 1));
    const path = folder(whole.slice(0, kept));
    const complete = kept >= whole.length - 1;
    assert.deepEqual(readLog(path), complete ? [step(1), checkpoint(1), step(2)] : [step(1), checkpoint(1)]);
    const written = write(path, resume(1), step(2));
    assert.ok(written.startsWith(`${whole.slice(0, kept).trimEnd()}\n{"kind":"resume"`), written);
    assert.deepEqual(readLog(path), [step(1), checkpoint(1), step(2)]);
  }
});

test("what came after the checkpoint that a run goes on from counts once, however often it was killed", () => {
  const path = folder();
  write(path, step(1), validation(1), step(2), checkpoint(2), step(3), { kind: "note", text: "lost" }, step(4));
  write(path, resume(2), step(3), step(4), checkpoint(4), { kind: "stopped", iteration: 4 });
  appendFileSync(join(path, "log.jsonl"), '{"kind":"resu');
  const written = write(path, resume(4), step(5), { kind: "done", iteration: 5 });
  assert.deepEqual(readLog(path), [
    ...[step(1), validation(1), step(2), checkpoint(2), step(3), step(4), checkpoint(4), step(5)],
    { kind: "done", iteration: 5 },
  ]);
  assert.match(written, /lost.*stopped/s, "nothing is removed");
});

test("resumed and unbroken runs agree in what is reproducible, and other numbers do not", () => {
  const whole = [step(1), validation(1), { kind: "note", text: "n" }, step(2), { kind: "done", iteration: 2 }] as const;
  const path = folder();
  write(path, step(1, 7), validation(1), checkpoint(1), step(2), resume(1), step(2, 9));
  assert.deepEqual(reproducible(readLog(path)), reproducible(whole));
  assert.notDeepEqual(reproducible([step(1)]), reproducible([{ ...step(1), loss: 2 } as LogEvent]));
  assert.notDeepEqual(reproducible([validation(1)]), reproducible([{ ...validation(1), score: 2 } as LogEvent]));
});

test("a damaged line elsewhere is an error with its number; no log is one too", () => {
  const good = lines(step(1));
  fails(folder(`${good}{"kind":"st\n${good}`), /^\S+log\.jsonl is damaged: .* line 2$/);
  for (const bad of ["[1]", '"text"', "null", '{"iteration":1}', '{"kind":"step","iteration":"x"}', "\0\0"])
    fails(folder(`${good}${good}${bad}\n${good}`), /line 3$/);
  fails(folder(), /run's log not found: expected a file at/);
  fails(join(root, "missing"), /not found/);
});

test("a log that cannot be written is told in one line", () => {
  assert.throws(() => openLog(join(root, "missing")), /^UserError: cannot write .*log\.jsonl: ENOENT/);
});

const full = existsSync("/dev/full") && process.platform === "linux";
test("a full disk is told, and leaves what was written", { skip: !full && "no /dev/full here" }, () => {
  const path = folder();
  assert.equal(spawnSync("ln", ["-s", "/dev/full", join(path, "log.jsonl")]).status, 0);
  const log = openLog(path);
  assert.throws(() => log.append(step(1)), /^UserError: cannot write .*log\.jsonl: the disk is full$/);
  log.close();
});
