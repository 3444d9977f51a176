import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Client, type Reply, startClient } from "./client.js";

let client: Client;

before(async () => {
  client = await startClient();
  await client.execute("1");
});
after(() => client.stop());

const types = ({ outputs }: Reply): string[] => outputs.map(({ type }) => type);
// biome-ignore lint/suspicious/noExplicitAny: contents differ by type of message, and the assertions check them
const find = ({ outputs }: Reply, type: string): any => outputs.find((output) => output.type === type)?.content;
const text = (reply: Reply): string | undefined => find(reply, "execute_result")?.data["text/plain"];

test("execution counts rise by one, on input, result and reply alike", async () => {
  const one = await client.execute("6 * 7");
  const two = await client.execute("[1, 2].length");
  assert.deepEqual(types(one), ["execute_input", "execute_result"]);
  assert.equal(text(one), "42");
  assert.equal(find(one, "execute_input").execution_count, one.reply.execution_count);
  assert.equal(find(one, "execute_result").execution_count, one.reply.execution_count);
  assert.equal(two.reply.execution_count, (one.reply.execution_count as number) + 1);
});

test("the last value is published once and never printed; undefined shows nothing, null does", async () => {
  assert.deepEqual(types(await client.execute("undefined")), ["execute_input"]);
  assert.equal(text(await client.execute("null")), "null");
  const promise = text(await client.execute("Promise.resolve(5)"));
  assert.equal(promise?.replace(/\s+/g, " "), "Promise { 5 }");
});

test("a value with a Jupyter.display method becomes its MIME bundle, bytes as base64", async () => {
  const code = `({ [Symbol.for("Jupyter.display")]: async () => ({ "image/png": new Uint8Array([104, 105]), "text/plain": "t" }) })`;
  assert.deepEqual(find(await client.execute(code), "execute_result").data, { "image/png": "aGk=", "text/plain": "t" });
  const wrong = await client.execute(`({ [Symbol.for("Jupyter.display")]: () => ({ png: "x" }) })`);
  assert.equal(wrong.reply.status, "error");
  assert.match(wrong.reply.evalue as string, /"png" is not a MIME type/);
});

test("an error is an error message with the lines of the cell, also through earlier cells", async () => {
  await client.execute(
    "interface Gone { a: number }\n\nfunction fail(): void {\n  throw new RangeError(`on purpose`);\n}",
  );
  const failed = await client.execute("\n\nfail();");
  assert.deepEqual(types(failed), ["execute_input", "error"]);
  const { ename, evalue, traceback } = find(failed, "error");
  assert.equal(ename, "RangeError");
  assert.equal(evalue, "on purpose");
  const count = failed.reply.execution_count as number;
  const trace = traceback.join("\n");
  assert.match(trace, new RegExp(`fail \\(cell ${count - 1}, line 4\\)`));
  assert.match(trace, new RegExp(`at cell ${count}, line 3`));
  assert.equal(failed.reply.ename, "RangeError");
});

test("a cell is type-checked, and its errors name line and column", async () => {
  const failed = await client.execute("const fine = 1;\nconst wrong: string = 5;");
  const { ename, evalue, traceback } = find(failed, "error");
  assert.equal(ename, "TypeScriptError");
  assert.match(evalue, /'number' is not assignable to type 'string'. \(line 2\)/);
  assert.match(traceback[0], /line 2, column 7: error TS2322/);
});

test("variables of earlier cells are found in the short form of object literals", async () => {
  await client.execute("const { short, form } = { short: 1, form: 2 };");
  assert.equal(text(await client.execute("({ short, both: { form } })")), "{ short: 1, both: { form: 2 } }");
});

test("await and for await at top level, in every form", async () => {
  assert.equal(text(await client.execute("await (Promise.resolve(5))")), "5");
  assert.equal(text(await client.execute("await (async () => 6)()")), "6");
  const loop = "let sum = 0;\nfor await (const n of (async function* () { yield 3; yield 4; })()) sum += n;\nsum";
  assert.equal(text(await client.execute(loop)), "7");
});

test("the project and its dependencies are imported with their types, whatever the folder", async () => {
  const used = await client.execute('import { UserError } from "ms-rnn";\ntypeof UserError');
  assert.equal(text(used), "'function'", JSON.stringify(used.outputs));
  const typed = await client.execute('import { nothingOfThisName } from "ms-rnn";');
  assert.match(typed.reply.evalue as string, /no exported member/);
  const others = 'import { DataFrame } from "danfojs-node";\nnew DataFrame([[1, 2]]).shape';
  assert.equal(text(await client.execute(others)), "[ 1, 2 ]");
});

test("files that change beside an open session do not break its next cells", async () => {
  mkdirSync("out", { recursive: true });
  const folder = mkdtempSync(join("out", "beside-"));
  try {
    const write = (value: number) => {
      for (const name of ["a", "b", "c"]) writeFileSync(join(folder, `${name}.ts`), `export const ${name} = ${value};`);
    };
    write(1);
    const imports = ["a", "b", "c"].map((name) => `import { ${name} } from "./${folder}/${name}";`).join("\n");
    assert.equal(text(await client.execute(`${imports}\na + b + c`)), "3");
    write(2);
    // The checker would poll its files within this time.
    await new Promise((done) => setTimeout(done, 1500));
    assert.equal(text(await client.execute("1 + 1")), "2");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what a cell prints reaches it complete, also thousands of lines in one turn", async () => {
  const printed = await client.execute('for (let i = 0; i < 2000; i++) console.log("x");\nconsole.error("y")');
  const streams = printed.outputs.filter(({ type }) => type === "stream");
  const all = (name: string): string =>
    streams
      .filter((s) => s.content.name === name)
      .map((s) => s.content.text)
      .join("");
  assert.equal(all("stdout"), "x\n".repeat(2000));
  assert.equal(all("stderr"), "y\n");
});

test("what a cell prints after its end is not given to the cell that runs then", async () => {
  await client.execute('setTimeout(() => console.log("late"), 100);');
  const later = await client.execute("await new Promise((done) => setTimeout(() => done(4), 300))");
  assert.deepEqual(types(later), ["execute_input", "execute_result"]);
});

test("the host displays and updates outputs, also after awaits", async () => {
  const shown = await client.execute(`
    const host = (globalThis as any)[Symbol.for("ms-rnn.kernel")];
    host.display({ "text/plain": "one" }, { id: "p", metadata: { "ms-rnn": { progress: true } } });
    await new Promise((done) => setTimeout(done, 5));
    host.display({ "text/plain": "two" }, { id: "p", update: true });`);
  assert.deepEqual(types(shown), ["execute_input", "display_data", "update_display_data"]);
  assert.deepEqual(find(shown, "display_data").metadata, { "ms-rnn": { progress: true } });
  assert.deepEqual(find(shown, "update_display_data").transient, { display_id: "p" });
  const unnamed = await client.execute('host.display({ "text/plain": "x" }, { update: true })');
  assert.match(unnamed.reply.evalue as string, /needs the id/);
});

test("a silent run publishes nothing and leaves count and history alone", async () => {
  const before = await client.execute("0");
  const silent = await client.execute('console.log("a"); 5', { silent: true });
  assert.deepEqual(types(silent), []);
  assert.equal(silent.reply.execution_count, before.reply.execution_count);
  const { reply } = await client.request("history_request", { hist_access_type: "tail", n: 1 });
  assert.equal((reply.history as unknown[][])[0][2], "0");
});

test("after an error waiting requests are aborted, unless stop_on_error is false", async () => {
  const stop = [client.execute('throw new Error("a")'), client.execute("1")];
  assert.deepEqual(
    (await Promise.all(stop)).map(({ reply }) => reply.status),
    ["error", "aborted"],
  );
  const go = [client.execute('throw new Error("a")', { stop_on_error: false }), client.execute("1")];
  assert.deepEqual(
    (await Promise.all(go)).map(({ reply }) => reply.status),
    ["error", "ok"],
  );
  assert.equal((await client.execute("2")).reply.status, "ok");
});

test("an interrupt ends a plain loop and a waiting cell, and the session lives on", async () => {
  // Again and again: on a busy machine the first signal may come before the cell has begun.
  const interrupted = async (code: string): Promise<Reply> => {
    const timer = setInterval(() => client.process.kill("SIGINT"), 400);
    try {
      return await client.execute(code);
    } finally {
      clearInterval(timer);
    }
  };
  await client.execute("const kept = 11;");
  assert.equal((await interrupted("while (true) {}")).reply.ename, "Interrupted");
  assert.equal((await interrupted("await new Promise(() => {})")).reply.ename, "Interrupted");
  assert.equal(text(await client.execute("kept")), "11");
});

test("a loop of an interrupted cell sees the flag, later cells do not", async () => {
  // The loop sends the signal itself, so that it is surely running.
  const code = `
    const flags = (globalThis as any)[Symbol.for("ms-rnn.kernel")];
    let turns = 0, seen = false;
    async function work() {
      while (!flags.interrupted) {
        if (++turns === 3) process.kill(process.pid, "SIGINT");
        await new Promise((done) => setTimeout(done, 10));
      }
      seen = true;
    }`;
  await client.execute(code);
  await client.execute("await work()");
  await client.execute("await new Promise((done) => setTimeout(done, 50))");
  assert.equal(text(await client.execute("[seen, turns >= 3, flags.interrupted]")), "[ true, true, false ]");
});

test("messages that cannot be read are dropped, unknown requests are answered", async () => {
  await client.raw(["no delimiter here"]);
  await client.raw(["<IDS|MSG>", "bad signature", "{}", "{}", "{}", "{}"]);
  await client.raw(["<IDS|MSG>", "too short"]);
  const { reply } = await client.request("nonsense_request", {});
  assert.equal(reply.status, "error");
  assert.match(reply.evalue as string, /nonsense_request/);
  assert.equal(text(await client.execute("1 + 1")), "2");
  assert.match(client.log(), /dropped a message without the delimiter/);
  assert.match(client.log(), /dropped a message with a bad signature/);
});

test("an error nobody waits for is printed and does not end the kernel", async () => {
  await client.execute('setTimeout(() => { throw new Error("stray"); }, 1); void Promise.reject(new Error("lost"));');
  assert.equal(text(await client.execute("await new Promise((done) => setTimeout(() => done(3), 20))")), "3");
});

test("completion and inspection count the cursor in characters", async () => {
  // Each of these counts once for Jupyter and twice for JavaScript: a cursor that is miscounted stands in another word.
  const code = `"${"😀".repeat(12)}".length + Number.MAX_SAFE_I`;
  const { reply } = await client.request("complete_request", { code, cursor_pos: [...code].length });
  assert.deepEqual(reply.matches, ["MAX_SAFE_INTEGER"]);
  assert.equal(reply.cursor_end, [...code].length);
  assert.equal(reply.cursor_start, [...code].length - "MAX_SAFE_I".length);
});
