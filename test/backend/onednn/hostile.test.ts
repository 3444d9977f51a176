import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { before, describe, test } from "node:test";
import { enginePath, loadNative, type Native } from "#src/backend/onednn/native";
import { type Random, random } from "#src/random";
import { hostileValues, type Kind, makeBuffers, spoil } from "./hostileValues";
import { type Argument, type ValidCalls, validCalls } from "./validCalls";

const skip = existsSync(enginePath()) ? false : "the engine is not built";
const CALLS = 400;
/** A function that waits on purpose must not make the test long. */
const MOST_MS = 2_000;
/** Commands run later: an engine that dies should do so near the call that killed it. */
const BATCH = 16;

type Anything = Record<string, (...args: unknown[]) => unknown>;

/** Calls; a refusal is an Error with a message. Returns what came back, or the message. */
function call(native: Native, name: string, args: unknown[], results: unknown[]): string | undefined {
  try {
    results.push((native as unknown as Anything)[name](...args));
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Error && error.message.length > 0, `${name} threw ${String(error)}`);
    return error.message;
  }
}

/** Finds out what a function takes, from what it refuses: arguments are read one after another. */
function learn(native: Native, name: string, make: Record<Kind, () => unknown>, results: unknown[]): Kind[] {
  const refusals: [RegExp, Kind][] = [
    [/ is not a buffer$/, "buffer"],
    [/ is not a number$/, "number"],
    [/ is not a boolean$/, "flag"],
    [/ is not a string$/, "text"],
    [/ is not a Float32Array$/, "floats"],
    [/ is not an array$/, "numbers"],
  ];
  const kinds: Kind[] = [];
  const args: unknown[] = [];
  for (let attempt = 0; attempt < 500; attempt++) {
    const message = call(native, name, args, results);
    if (message === undefined) break;
    if (/ is missing$/.test(message)) {
      kinds.push("number");
      // No number, and nothing else: the next refusal tells what it should be.
      args.push(undefined);
      continue;
    }
    const kind = refusals.find(([refusal]) => refusal.test(message))?.[1];
    if (kind && kinds.length > 0 && args.at(-1) === undefined) kinds[kinds.length - 1] = kind;
    // What the numbers and names are is found by trying.
    for (const [i, kind] of kinds.entries()) args[i] = make[kind]();
  }
  return kinds;
}

/** Takes back what calls have made: recordings, buffers, plans, programs; and waits for promises. */
async function cleanUp(native: Native, results: unknown[]): Promise<void> {
  const functions = native as unknown as Anything;
  functions.recordAbandon?.();
  try {
    native.finish();
  } catch (error) {
    assert.ok(error instanceof Error);
  }
  await Promise.allSettled(results.filter((result) => result instanceof Promise));
  const drops = Object.keys(native).filter((name) => /drop/i.test(name));
  for (const result of results) {
    if (typeof result === "number" && result >= 2 ** 20) call(native, "release", [result], []);
    else if (typeof result === "number") for (const drop of drops) call(native, drop, [result], []);
  }
  results.length = 0;
}

/** The engine computes: maps into blocks and back. */
function assertRight(native: Native): void {
  const values = Float32Array.from({ length: 2 * 3 * 17 }, (_, i) => i + 1);
  const [plain, blocked, back] = [values.length, 2 * 2 * 3 * 16, values.length].map((size) => native.allocate(size));
  native.write(plain, values);
  native.block(plain, blocked, 2, 3, 17);
  native.unblock(blocked, back, 2, 3, 17);
  const got = new Float32Array(values.length);
  native.read(back, got);
  assert.deepEqual(got, values);
  for (const buffer of [plain, blocked, back]) native.release(buffer);
}

// Before the engine is loaded: calls by chance may ask for anything, and must not take the machine's memory.
process.env.MS_RNN_MEMORY = "1000";
const native = skip ? undefined : (loadNative() as Native);
const names = native
  ? Object.entries(native).flatMap(([name, value]) => (typeof value === "function" ? name : []))
  : [];

/** Calls a function with arguments by chance, inside or outside a recording. */
async function attack(
  native: Native,
  name: string,
  valid: Argument[][],
  draw: Random,
  recording: boolean,
): Promise<number> {
  const functions = native as unknown as Anything;
  let { live, dead } = makeBuffers(native);
  const results: unknown[] = [];
  let values = hostileValues(native, draw, live, dead);
  const kinds = learn(native, name, values, results);
  let accepted = 0;
  const until = performance.now() + MOST_MS;
  for (let i = 0; i < CALLS && performance.now() < until; i++) {
    if (i % BATCH === 0) {
      await cleanUp(native, results);
      for (const buffer of live) call(native, "release", [buffer], []);
      // Some of those of the batch before may have been released by the calls: they are among the dead ones.
      const stale = live.slice(0, 4);
      ({ live, dead } = makeBuffers(native));
      if (recording) {
        functions.recordBegin();
        live.push(...[16, 64, 4096].map((floats) => functions.recordInput(floats) as number));
        live.push(...[16, 64, 4096].map((floats) => native.allocate(floats)));
      }
      values = hostileValues(native, draw, live, [...dead, ...stale]);
    }
    const made: number[] = [];
    if (valid.length > 0 && draw() < 0.7) {
      const args = spoil(native, draw, values, valid[Math.floor(draw() * valid.length)], made);
      if (call(native, name, args, results) === undefined) accepted++;
    } else {
      const args = kinds.map((kind) => (draw() < 0.04 ? values.garbage() : values[kind]()));
      // Now and then too few, too many, or none of it right.
      if (draw() < 0.05) args.length = Math.floor(draw() * args.length);
      if (draw() < 0.05) args.push(values.garbage(), values.garbage());
      if (draw() < 0.03) args.splice(0, args.length, ...Array.from({ length: draw() * 30 }, () => values.garbage()));
      if (call(native, name, args, results) === undefined) accepted++;
    }
    for (const buffer of made) call(native, "release", [buffer], []);
    if (recording && i % BATCH === BATCH - 1 && name !== "recordEnd") {
      // What was recorded also runs.
      call(native, "recordEnd", [live.slice(-6)], results);
      const program = results.at(-1);
      call(native, "programPlan", [program, draw() < 0.5, 0], results);
      const [inputs, outputs] = [live.slice(0, 3).map(() => live[21]), live.slice(6, 12).map((_, k) => live[k + 15])];
      call(native, "programRun", [program, inputs, outputs], results);
    }
  }
  await cleanUp(native, results);
  for (const buffer of live) call(native, "release", [buffer], []);
  return accepted;
}

describe("hostile calls of the engine", { skip }, () => {
  let valid: ValidCalls;
  before(async () => {
    valid = await validCalls(native!);
  });

  for (const recording of [false, true]) {
    for (const name of names) {
      test(`${name}${recording ? " while recording" : ""}: refused or harmless`, { timeout: 60_000 }, async (t) => {
        const engine = native!;
        if (recording && (engine as unknown as Anything).recordBegin === undefined) return;
        const before = engine.state().buffers;
        const accepted = await attack(
          engine,
          name,
          valid.get(name) ?? [],
          random("hostile", name, recording ? 1 : 0),
          recording,
        );
        assert.equal(engine.state().buffers, before, "live buffers");
        assertRight(engine);
        t.diagnostic(`${accepted} of at most ${CALLS} calls accepted`);
      });
    }
  }
});

describe("memory that is not there", { skip }, () => {
  test("a buffer larger than the limit is refused, and nothing is lost", () => {
    const engine = native!;
    const before = engine.state();
    for (const floats of [2 ** 40, 2 ** 38, 2 ** 28]) {
      assert.throws(() => engine.allocate(floats), /^Error: onednn: allocate: out of memory: /);
    }
    assert.deepEqual(engine.state(), before);
    assertRight(engine);
  });

  const limited = process.platform === "linux" && !process.env.LD_PRELOAD?.includes("asan");
  test("what the system refuses is an error, and the engine goes on", {
    skip: limited ? false : "needs a limit",
  }, () => {
    // Of a limited address space, which nothing else can use up for us.
    const code = `
      process.env.MS_RNN_MEMORY = 1e6;
      const assert = require("node:assert/strict");
      const engine = require(process.argv[1]);
      const held = [];
      assert.throws(() => { for (;;) held.push(engine.allocate(1 << 26)); },
        /^Error: onednn: allocate: out of memory: \\d+ bytes were asked for and \\d+ are in use$/);
      assert.equal(engine.state().buffers, held.length);
      const first = held[0];
      engine.write(first, new Float32Array([1, 2, 3]));
      for (const buffer of held.splice(1)) engine.release(buffer);
      const again = engine.allocate(1 << 27);
      const got = new Float32Array(3);
      engine.read(first, got);
      assert.deepEqual([...got], [1, 2, 3]);
      for (const buffer of [first, again]) engine.release(buffer);
      assert.equal(engine.state().buffers, 0);`;
    const command = 'ulimit -v 8000000; exec "$@"';
    const args = ["-c", command, "sh", process.execPath, "-e", code, enginePath()];
    const { status, stderr, signal } = spawnSync("sh", args, { encoding: "utf8", timeout: 60_000 });
    assert.equal(status, 0, `${signal} ${stderr}`);
  });
});
