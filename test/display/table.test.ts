import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { dataFrame, table } from "#src/display/index";
import { DISPLAY } from "#src/display/mime";

const rows = [
  { model: "MS-ConvLSTM", mse: 31.23456, clips: 1000 },
  { model: "<b>&copy\"'</b>", mse: -100.5, clips: null },
  { model: "none", mse: Number.NaN, better: true },
];

test("a table is aligned text and escaped HTML, HTML first", async () => {
  const value = table(rows, { digits: 2, caption: "Scores <1>" });
  assert.equal(
    value.text,
    [
      "Scores <1>",
      "model               mse  clips  better",
      "──────────────  ───────  ─────  ──────",
      "MS-ConvLSTM       31.23   1000",
      "<b>&copy\"'</b>  −100.50",
      "none                NaN         true",
    ].join("\n"),
  );
  assert.ok(value.html.includes("&lt;b&gt;&amp;copy&quot;&#39;&lt;/b&gt;"));
  assert.ok(value.html.includes("Scores &lt;1&gt;"));
  assert.doesNotMatch(value.html, /<b>/);
  const bundle = await value[DISPLAY]();
  assert.deepEqual(Object.keys(bundle), ["text/html", "text/plain"]);
  assert.equal(bundle["text/plain"], value.text);
});

test("numbers have about four significant digits unless digits says otherwise", () => {
  const line = (options?: { digits?: number }) =>
    table([{ a: 1234.567, b: 0.0123456, c: 7 }], options).text.split("\n")[2];
  assert.equal(line(), "1235  0.01235  7");
  assert.equal(line({ digits: 1 }), "1234.6  0.0  7");
});

test("a danfo DataFrame goes in and comes out", () => {
  const frame = dataFrame([
    { a: 1, b: "x" },
    { a: 2.5, b: "y" },
  ]);
  const value = table(frame);
  assert.equal(value.dataFrame, frame);
  assert.deepEqual(value.columns, ["a", "b"]);
  assert.equal(
    table([{ a: 1 }, { a: 3 }])
      .dataFrame.column("a")
      .mean(),
    2,
  );
  assert.deepEqual(table(frame.describe()).columns, ["", "a"]);
  assert.deepEqual(table(frame.describe(), { index: false }).columns, ["a"]);
  assert.deepEqual(table(frame, { index: true }).columns, ["", "a", "b"]);
});

test("danfo is loaded at first use only, and prints nothing", () => {
  const code = `
    const { table } = require("./table");
    const loaded = () => Object.keys(require.cache).some((path) => path.includes("danfojs"));
    const value = table([{ a: 1 }]);
    if (loaded()) throw new Error("too early");
    value.dataFrame.column("a").mean();
    if (!loaded()) throw new Error("never");`;
  const cwd = join(__dirname, "..", "..", "display");
  const { status, stdout, stderr } = spawnSync(process.execPath, ["-e", code], { cwd, encoding: "utf8" });
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
});

test("table: wrong input is told in one line", () => {
  assert.throws(() => table([]), { message: "no columns to show" });
  assert.throws(() => table(rows, { digits: -1 }), { message: "digits: -1 is not a whole number from 0 to 20" });
});
