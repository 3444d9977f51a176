import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { enginePath, loadNative } from "#src/backend/onednn/native";
import { beside } from "#src/bench/busy";
import { complaint } from "#src/bench/others";
import { numberIn, Server } from "#src/bench/process";
import { everySecond } from "#src/bench/stepTask";
import { alternate } from "#src/bench/timing";
import { random } from "#src/random";
import { markdownTable } from "#src/report/markdownTable";
import { median } from "#src/statistics";

test("median of odd and even numbers of values", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([10, 1, 2, 3]), 2.5);
});

test("repeats alternate, and are long enough", async () => {
  const order: string[] = [];
  const fake = (name: string, seconds: number) => (calls: number) => {
    order.push(`${name}${calls}`);
    return seconds;
  };
  const timing = { repeats: 3, atLeast: 0.02, budget: 5, pause: 0 };
  const samples = await alternate([fake("a", 0.004), fake("b", 0.5)], timing);
  assert.deepEqual(samples, [
    [0.004, 0.004, 0.004],
    [0.5, 0.5, 0.5],
  ]);
  assert.deepEqual(order.slice(-6), ["a6", "b1", "a6", "b1", "a6", "b1"]);
});

test("what passes the budget gets fewer repeats, but one", async () => {
  const timing = { repeats: 7, atLeast: 0.02, budget: 5, pause: 0 };
  const [slow, slower] = await alternate([() => 2, () => 6], timing);
  assert.deepEqual([slow.length, slower.length], [3, 1]);
});

test("a server's answers come in order; errors and its end are told in one line", async () => {
  const program = `
    console.log('{"name":"first"}');
    require("readline").createInterface(process.stdin).on("line", (line) => {
      const { value } = JSON.parse(line);
      if (value === "die") { console.error("a trace\\nout of luck"); process.exit(3); }
      console.log(value === "text" ? "hello" : JSON.stringify(value < 0 ? { error: "below 0" } : { value: 2 * value }));
    });`;
  const server = new Server("doubler", process.execPath, ["-e", program]);
  assert.deepEqual(await server.ready, { name: "first" });
  const answers = await Promise.all([server.ask({ value: 1 }), server.ask({ value: 2 })]);
  assert.deepEqual(answers, [{ value: 2 }, { value: 4 }]);
  assert.equal(numberIn(server, answers[1], "value"), 4);
  assert.throws(() => numberIn(server, answers[1], "seconds"), /^UserError: doubler: expected a number seconds/);
  await assert.rejects(server.ask({ value: -1 }), /^UserError: doubler: below 0$/);
  await assert.rejects(server.ask({ value: "text" }), /^UserError: doubler: expected a JSON object, got hello$/);
  await assert.rejects(server.ask({ value: "die" }), /^UserError: doubler ended with status 3: out of luck$/);
  await assert.rejects(server.ask({ value: 1 }), /ended with status 3/);
  await server.stop();
});

test("a server that cannot be started is told", async () => {
  const server = new Server("nobody", "/nonexistent/program", []);
  await assert.rejects(server.ready, /^UserError: nobody does not start: .*ENOENT/);
  await server.stop();
});

test("the busy process runs as long as what is beside it", async () => {
  assert.equal(await beside(async () => 5), 5);
  await assert.rejects(
    beside(async () => {
      throw new Error("within");
    }),
    /within/,
  );
});

test("others are complained of where they used much", () => {
  assert.equal(complaint(0.02), undefined);
  assert.match(complaint(1.5)!, /1\.50 cores/);
});

test("the benchmark's mask: truth for given frames, then every second one, shifted by sample", () => {
  const mask = everySecond(3)(0, 2, 7, random(0));
  assert.deepEqual([...mask], [1, 1, 0, 1, 0, 1, 1, 1, 0, 1]);
});

test("tables align their columns", () => {
  const table = markdownTable(
    ["name", "n"],
    [
      ["a", "1000"],
      ["long name", "2"],
    ].map((row) => row),
  );
  assert.equal(
    table,
    ["| name      |    n |", "| --------- | ---: |", "| a         | 1000 |", "| long name |    2 |"].join("\n"),
  );
});

test("the measured peak is a rate, and wrong calls are refused", {
  skip: !existsSync(enginePath()) && "no engine",
}, () => {
  const native = loadNative() as unknown as { peak(milliseconds?: unknown): number };
  const rate = native.peak(5);
  assert.ok(rate > 0.1 && rate < 1e6, `${rate} GFLOP/s`);
  for (const wrong of [0, -1, 1.5, 1e9, NaN, "5", undefined])
    assert.throws(() => native.peak(wrong), /peak.*milliseconds/);
});
