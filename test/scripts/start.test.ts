import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { projectRoot } from "#kernel/paths";
import { findPython } from "#kernel/python";

const folder = mkdtempSync(join(tmpdir(), "ms-rnn-start-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const script = (name: string): string => join(projectRoot, "scripts", name);

function jupyter(): string | false {
  try {
    findPython(["nbclient", "nbconvert"]);
    return false;
  } catch {
    return "needs Debian's Jupyter packages";
  }
}

/** Calls `start` of start.mjs as npm start does, on a notebook of the tests. */
function start(notebook: string, scores: string) {
  const options = { notebook: join(projectRoot, "test", "kernel", "fixtures", notebook), out: folder, scores };
  const code = `
    const { main } = await import(${JSON.stringify(pathToFileURL(script("tools.mjs")).href)});
    const { start } = await import(${JSON.stringify(pathToFileURL(script("start.mjs")).href)});
    await main(() => start(${JSON.stringify(options)}));`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8", cwd: projectRoot });
}

test("start runs the notebook, prints its scores, and says where everything is; also a second time", {
  skip: jupyter(),
}, () => {
  for (let time = 0; time < 2; time++) {
    const { status, stdout, stderr } = start("scores.ipynb", "scores.txt");
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^running scores\ntraining\n\nmodel {2}mse\nours {3}1\.0\n\n/);
    assert.ok(stdout.includes(`executed notebook: ${join(folder, "scores.ipynb")}\n`));
    assert.ok(stdout.includes(`page: ${join(folder, "scores.html")}\n`));
    assert.match(stdout, /npm run notebook\n$/);
    assert.ok(existsSync(join(folder, "scores.html")));
  }
});

test("start fails with one line when the notebook fails, or writes no scores", { skip: jupyter() }, () => {
  const failed = start("bad.ipynb", "scores.txt");
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /^ms-rnn: .*cell 3: RangeError: on purpose: fine .*\n$/);
  const without = start("scores.ipynb", "other.txt");
  assert.equal(without.status, 1);
  assert.match(without.stderr, /^ms-rnn: .*wrote no scores to .*other\.txt\n$/);
});

test("unknown options and test names are refused in one line, status 2", () => {
  const option = spawnSync(process.execPath, [script("start.mjs"), "--nonsense"], { encoding: "utf8" });
  assert.equal(option.status, 2);
  assert.match(option.stderr, /^ms-rnn: Unknown option '--nonsense'; npm start takes [^\n]*\n$/);
  const json = spawnSync(process.execPath, [script("start.mjs"), "--parameters", "{x"], { encoding: "utf8" });
  assert.equal(json.status, 2);
});

test("test files are found by part of their name, and only those whose source exists", async () => {
  const { testFiles } = await import(pathToFileURL(script("test.mjs")).href);
  assert.deepEqual(testFiles(["scripts/start"]), [join("dist", "test", "scripts", "start.test.js")]);
  assert.deepEqual(testFiles(["no such test"]), []);
  assert.ok(testFiles().length > 3);
});
