import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as ts from "typescript";

const folder = mkdtempSync(join(tmpdir(), "readme-"));
after(() => rmSync(folder, { recursive: true }));
const readme = readFileSync("README.md", "utf8");

test("the ten lines to a first forecast run as they stand, with fewer iterations", () => {
  const lines = /```ts\n([\s\S]*?)```/.exec(readme)![1];
  assert.ok(lines.trim().split("\n").length <= 10);
  const picture = join(folder, "forecast.png");
  const short = lines
    .replace("iterations: 50", "iterations: 2, filters: 2")
    .replace('"forecast.png"', JSON.stringify(picture));
  assert.notEqual(short, lines);
  const [imports, ...rest] = short.split("\n");
  const source = `${imports}\n(async () => {\n${rest.join("\n")}\n})().catch((error) => { console.error(error); process.exit(1); });`;
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  // Beside the compiled tests, so that the package finds itself by its own name.
  const script = join("dist", "test", `readme-${process.pid}.cjs`);
  writeFileSync(script, outputText);
  try {
    const { status, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.ok(existsSync(picture));
  } finally {
    rmSync(script);
  }
});

test("files and commands that README and CONTRIBUTING name are there", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  for (const name of ["README.md", "CONTRIBUTING.md"]) {
    const text = readFileSync(name, "utf8");
    for (const [, path] of text.matchAll(/\]\((?!https?:|#)([^)]+)\)/g))
      assert.ok(existsSync(path), `${name}: ${path}`);
    for (const [, script] of text.matchAll(/npm run (?:-s )?([\w:-]+)/g))
      assert.ok(scripts[script], `${name}: ${script}`);
  }
});
