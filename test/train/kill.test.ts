import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { random } from "#src/random";
import { checkpointsOf } from "#src/train/run";
import { readLog, reproducible } from "#src/train/runLog";
import { readSafetensors } from "#src/weights/safetensors";
import { skip } from "../backend/onednn/forms";

const KILLS = 20;
const folder = mkdtempSync(join(tmpdir(), "kill-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const backend = skip ? "wasm" : "onednn";
const settings = [
  ...["--profile", "quick", "--size", "16", "--filters", "4", "--context", "3", "--horizon", "3", "--batch", "2"],
  ...["--iterations", "40", "--checkpoint-every", "2", "--validate-every", "5", "--validation-clips", "4"],
  ...["--average-decay", "0.9", "--clip-norm", "5", "--backend", backend],
];

const start = (...args: string[]) => {
  const child = spawn(process.execPath, ["dist/cli.js", "train", ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const ended = new Promise<{ status: number | null; said: string }>((resolve) =>
    child.on("close", (status) => resolve({ status, said })),
  );
  return { child, ended };
};

async function complete(...args: string[]) {
  const { status, said } = await start(...args).ended;
  assert.equal(status, 0, said);
}

const wait = (milliseconds: number) => new Promise((go) => setTimeout(go, milliseconds));

/** Of the values of the last weights, optimiser and average included. */
function sumOf(run: string): string {
  const hash = createHash("sha256");
  for (const [name, { data }] of readSafetensors(join(run, "checkpoint", "40.safetensors")).tensors)
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest("hex");
}

const writing = (run: string) =>
  existsSync(join(run, "checkpoint")) && readdirSync(join(run, "checkpoint")).some((name) => name.endsWith(".tmp"));

/** Waits for a moment chosen by chance, or for the middle of writing a checkpoint. */
async function moment(run: string, draw: () => number, inWriting: boolean, over: () => boolean): Promise<boolean> {
  while (!over() && checkpointsOf({ folder: run }).length === 0) await wait(1);
  if (!inWriting) {
    await wait(600 * draw());
    return !over();
  }
  const [after, until] = [performance.now() + 200 * draw(), performance.now() + 5000];
  while (!over() && performance.now() < until) {
    if (performance.now() > after && writing(run)) return true;
    await new Promise(setImmediate);
  }
  return false;
}

test(`a run that is killed ${KILLS} times in all, also while a checkpoint is written, ends with the same bits each time`, async (t) => {
  const whole = join(folder, "whole");
  await complete("--out", whole, ...settings);
  const expected = { sum: sumOf(whole), log: reproducible(readLog(whole)) };
  const draw = random("kill");
  let [inTheMiddle, inWriting] = [0, 0];
  for (let i = 0; i < KILLS; i++) {
    const run = join(folder, `run-${i}`);
    const { child, ended } = start("--out", run, ...settings);
    let over = false;
    void ended.then(() => {
      over = true;
    });
    const due = await moment(run, draw, i % 4 === 3, () => over);
    if (due && i % 4 === 3) inWriting++;
    child.kill("SIGKILL");
    await ended;
    const left = checkpointsOf({ folder: run });
    assert.ok(left.length > 0, "a complete checkpoint is there at any moment");
    if (left.at(-1)! < 40) inTheMiddle++;
    await complete("--resume", run, "--backend", backend);
    assert.equal(sumOf(run), expected.sum, `run ${i}, killed after iteration ${left.at(-1)}`);
    assert.deepEqual(reproducible(readLog(run)), expected.log, `log of run ${i}`);
  }
  t.diagnostic(`${inTheMiddle} of ${KILLS} were killed before their end, ${inWriting} while a checkpoint was written`);
  assert.ok(inTheMiddle >= KILLS / 2 && inWriting > 0, `${inTheMiddle} in the middle, ${inWriting} in writing`);
});
