import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { after, test } from "node:test";
import * as ts from "@tslab/typescript-for-tslab";
import { cleanBundle } from "#kernel/display";
import { createHistory } from "#kernel/history";
import { outsideReferences, selfContained } from "#kernel/html";
import { installKernel } from "#kernel/install";
import { userJupyterData } from "#kernel/paths";
import { freezeFiles } from "#kernel/resolve";
import { checkTslab, TSLAB_VERSION } from "#kernel/spec";
import { syntax } from "#kernel/syntax";
import { readConnection } from "#kernel/transport";
import { answer, decode, encode } from "#kernel/wire";

const folder = mkdtempSync(join(tmpdir(), "ms-rnn-parts-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("the specification goes below a prefix, with absolute paths, and is written once", () => {
  const first = installKernel({ prefix: folder });
  assert.equal(first.path, join(folder, "share", "jupyter", "kernels", "ms-rnn", "kernel.json"));
  assert.equal(first.changed, true);
  const spec = JSON.parse(readFileSync(first.path, "utf8"));
  assert.equal(spec.display_name, "MS-RNN TypeScript");
  assert.equal(spec.argv[0], process.execPath);
  assert.ok(isAbsolute(spec.argv[1]));
  assert.equal(spec.argv[2], "{connection_file}");
  assert.equal(installKernel({ prefix: folder }).changed, false);
  writeFileSync(first.path, "{}");
  assert.equal(installKernel({ prefix: folder }).changed, true);
});

test("a specification that cannot be written is one clear error", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  assert.throws(() => installKernel({ prefix: file }), /cannot write the kernel specification .*kernel\.json: /);
});

test("the user's Jupyter folder follows jupyter_core", () => {
  assert.equal(userJupyterData({ HOME: "/h" }, "linux"), "/h/.local/share/jupyter");
  assert.equal(userJupyterData({ HOME: "/h", XDG_DATA_HOME: "/x" }, "linux"), "/x/jupyter");
  assert.equal(userJupyterData({ HOME: "/h" }, "darwin"), "/h/Library/Jupyter");
  assert.equal(userJupyterData({ HOME: "/h", JUPYTER_DATA_DIR: "/d" }, "linux"), "/d");
});

test("tslab is installed in the one version the kernel knows", () => {
  assert.equal(TSLAB_VERSION, "1.0.22");
  checkTslab();
});

test("messages survive the wire, and a changed one is refused", () => {
  const signature = { key: "k", scheme: "hmac-sha256" };
  const frames = encode(answer(undefined, "status", { execution_state: "busy" }), signature, [Buffer.from("id")]);
  const { identities, content } = decode(frames, signature);
  assert.deepEqual([String(identities[0]), content], ["id", { execution_state: "busy" }]);
  const changed = [...frames];
  changed[6] = Buffer.from('{"execution_state":"idle"}');
  assert.throws(() => decode(changed, signature), /bad signature/);
  assert.throws(() => decode(frames, { ...signature, key: "other" }), /bad signature/);
  const open = { key: "", scheme: "hmac-sha256" };
  assert.equal(decode(encode(answer(undefined, "x", {}), open), open).header.msg_type, "x");
});

test("a connection file must name every port", () => {
  const path = join(folder, "connection.json");
  writeFileSync(
    path,
    JSON.stringify({ ip: "127.0.0.1", key: "", shell_port: 1, iopub_port: 2, stdin_port: 3, hb_port: 4 }),
  );
  assert.throws(() => readConnection(path), /control_port in .* should be a port number, got undefined/);
  assert.throws(() => readConnection(undefined), /connection file/);
});

test("bundles are checked and bytes become base64", () => {
  assert.deepEqual(cleanBundle({ "image/png": Buffer.from("hi"), "text/html": undefined }), { "image/png": "aGk=" });
  assert.throws(() => cleanBundle("x"), /expected a map from MIME type/);
  assert.throws(() => cleanBundle({ png: "x" }), /"png" is not a MIME type/);
});

test("history answers tail, range and search", () => {
  const history = createHistory();
  ["a = 1", "b = 2", "a = 1"].forEach((code, i) => {
    history.add(i + 1, code).output = `out ${i}`;
  });
  assert.deepEqual(history.find({ hist_access_type: "tail", n: 1 }), [[1, 3, "a = 1"]]);
  assert.deepEqual(history.find({ hist_access_type: "range", start: 1, stop: 2, output: true }), [
    [1, 1, ["a = 1", "out 0"]],
  ]);
  assert.deepEqual(history.find({ hist_access_type: "search", pattern: "a*", unique: true }), [[1, 3, "a = 1"]]);
  assert.deepEqual(history.find({ hist_access_type: "search", pattern: "a ? 1" }).length, 2);
});

test("cells are told to be fine, open, unfinished or broken", () => {
  assert.deepEqual(["const a = 1", "const s = `x", "/* x", "f(1,", "const = 3", ") + ("].map(syntax), [
    "fine",
    "open",
    "open",
    "unfinished",
    "broken",
    "broken",
  ]);
});

test("linked scripts and styles are taken out of a page, what would still be loaded is found", () => {
  const linked = `<script src="https://h.example/require.js"></script><link rel="stylesheet" href='x.css'>
    <link rel="stylesheet" href="https://h.example/y.css"><link rel="icon" href="data:,">
    <script type="text/x-mathjax-config">MathJax</script><script>const s = '<img src="no">';</script>
    <img src="data:image/png;base64,AA"><a href="https://h.example/">follow</a>`;
  const page = selfContained(linked);
  assert.doesNotMatch(page, /require\.js|\.css|MathJax/);
  assert.match(page, /follow/);
  assert.deepEqual(outsideReferences(page), []);
  assert.deepEqual(outsideReferences('<img src="a.png"><style>@import "https://h.example/b.css";</style>'), [
    "a.png",
    "https://h.example/b.css",
  ]);
});

test("the type checker of a session is not told of files that change", async () => {
  freezeFiles();
  const path = join(folder, "changing.ts");
  writeFileSync(path, "1");
  const told: string[] = [];
  const watchers = [ts.sys.watchFile!(path, (file) => told.push(file), 20)];
  watchers.push(ts.sys.watchDirectory!(folder, (file) => told.push(file)));
  await new Promise((done) => setTimeout(done, 50));
  writeFileSync(path, "22");
  writeFileSync(join(folder, "new.ts"), "");
  await new Promise((done) => setTimeout(done, 400));
  for (const watcher of watchers) watcher.close();
  assert.deepEqual(told, []);
});
