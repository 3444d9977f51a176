import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { notebookToHtml, outsideReferences } from "#kernel/html";
import { projectRoot } from "#kernel/paths";
import { findPython } from "#kernel/python";
import { runNotebook, terminalLines } from "#kernel/run";

const folder = mkdtempSync(join(tmpdir(), "ms-rnn-run-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const fixture = (name: string): string => join(projectRoot, "test", "kernel", "fixtures", name);
interface CodeCell {
  cell_type: string;
  execution_count: number | null;
  outputs: { ename?: string; data: Record<string, string> }[];
}
const codeCells = (path: string): CodeCell[] =>
  (JSON.parse(readFileSync(path, "utf8")).cells as CodeCell[]).filter((cell) => cell.cell_type === "code");
const jupyter = hasJupyter() ? false : "needs Debian's jupyter-notebook, jupyter-nbconvert and python3-nbclient";

function hasJupyter(): boolean {
  try {
    return findPython(["nbclient", "nbconvert", "jupyter_client"]) !== "";
  } catch {
    return false;
  }
}

test("a notebook runs with its parameters, its lines and progress are told while it runs", {
  skip: jupyter,
}, async () => {
  const source = readFileSync(fixture("good.ipynb"), "utf8");
  const told: string[] = [];
  const out = join(folder, "new", "good.ipynb");
  const parameters = { greeting: "bonjour" };
  const onLine = (text: string, kind: string): void => void told.push(`${kind} ${text}`);
  const result = await runNotebook(fixture("good.ipynb"), { out, parameters, onLine });
  assert.deepEqual(result, { ok: true, out });
  assert.deepEqual(told, [
    "progress step 0",
    "line bonjour 1",
    "progress step 1",
    "line bonjour 2",
    "progress step 2",
    "line bonjour 3",
    "progress step 3",
  ]);
  const cells = codeCells(out);
  assert.deepEqual(
    cells.map((cell) => cell.execution_count),
    [1, 2, 3],
  );
  assert.ok(cells[2].outputs[0].data["image/png"].startsWith("iVBOR"));
  assert.equal([cells[1].outputs[0].data["text/plain"]].flat().join(""), "step 3", "an updated output keeps its place");
  assert.equal(readFileSync(fixture("good.ipynb"), "utf8"), source);
  assert.deepEqual(readdirSync(join(folder, "new")), ["good.ipynb"], "no drafts are left");
});

test("the page of a notebook needs no other file, and a browser shows it", { skip: jupyter }, async (context) => {
  const out = join(folder, "page.ipynb");
  await runNotebook(fixture("good.ipynb"), { out, onLine: () => undefined });
  const page = notebookToHtml(out, join(folder, "page.html"));
  const html = readFileSync(page, "utf8");
  assert.deepEqual(outsideReferences(html), []);
  assert.doesNotMatch(html, /<script[^>]+src=/);
  assert.doesNotMatch(html, /file:\/\//);
  assert.ok(html.includes("a <b>picture</b>"));
  const browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
  if (browser === undefined) return context.diagnostic("chromium is absent: the page was not opened");
  const flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking";
  const own = ["--disable-component-update", "--disable-sync", `--user-data-dir=${join(folder, "chromium")}`];
  const args = [...flags.split(" "), ...own, "--dump-dom", `file://${page}`];
  const { stdout } = spawnSync(browser, args, { encoding: "utf8", timeout: 60_000, maxBuffer: 1 << 26 });
  assert.match(stdout, /bonjour|hello 3/);
});

test("a failing cell: the executed notebook is kept, one line names cell and error, exit status 1", {
  skip: jupyter,
}, () => {
  const out = join(folder, "bad.ipynb");
  const program = join(projectRoot, "dist", "kernel", "run.js");
  const run = spawnSync(process.execPath, [program, fixture("bad.ipynb"), "--out", out], { encoding: "utf8" });
  assert.equal(run.status, 1);
  assert.equal(run.stdout, "before\n");
  assert.match(run.stderr, /^ms-rnn: .*bad\.ipynb: cell 3: RangeError: on purpose: fine .*\n$/);
  const cells = codeCells(out);
  assert.deepEqual(
    cells.map((cell) => cell.execution_count),
    [1, 2, 3, null],
  );
  assert.equal(cells[2].outputs[0].ename, "RangeError");
});

test("a notebook that takes too long is stopped and kept", { skip: jupyter }, async () => {
  const out = join(folder, "slow.ipynb");
  const run = await runNotebook(fixture("slow.ipynb"), { out, timeoutSeconds: 5, onLine: () => undefined });
  assert.equal(run.ok, false);
  assert.match(run.error ?? "", /slow\.ipynb: cell 1: not finished after 5 s/);
  assert.equal(codeCells(out).length, 1);
});

test("the source is never overwritten, and a missing one is named", async () => {
  const source = fixture("good.ipynb");
  await assert.rejects(runNotebook(source, { out: source }), /would overwrite its source/);
  await assert.rejects(
    runNotebook(fixture("none.ipynb"), { out: join(folder, "x") }),
    /notebook not found: .*none\.ipynb/,
  );
  await assert.rejects(runNotebook(source, { out: join(folder, "x"), timeoutSeconds: -1 }), /timeoutSeconds .* got -1/);
});

test("progress rewrites its line on a terminal, and is thinned out elsewhere", () => {
  const write = (isTTY: boolean, now: () => number): string => {
    const parts: string[] = [];
    const stream = { isTTY, columns: 20, write: (part: string) => parts.push(part) };
    const line = terminalLines(stream, 5000, now);
    line("a", "progress");
    line("b", "progress");
    line("done", "line");
    return parts.join("");
  };
  assert.equal(
    write(true, () => 0),
    "\r\x1b[2Ka\r\x1b[2Kb\ndone\n",
  );
  assert.equal(
    write(false, () => 0),
    "a\ndone\n",
  );
  let clock = 0;
  assert.equal(
    write(false, () => (clock += 5000)),
    "a\nb\ndone\n",
  );
});
