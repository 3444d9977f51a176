import assert from "node:assert/strict";
import { resolve, sep } from "node:path";
import { test } from "node:test";
import * as ts from "@tslab/typescript-for-tslab";

test("the declarations are read without an error by the notebook kernel's TypeScript", () => {
  assert.match(ts.version, /^5\.0\./);
  const program = ts.createProgram(["dist/index.d.ts"], {
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.CommonJS,
    moduleResolution: ts.ModuleResolutionKind.NodeJs,
    types: ["node"],
    strict: true,
    noEmit: true,
  });
  const ours = program.getSourceFiles().filter(({ fileName }) => resolve(fileName).startsWith(resolve("dist") + sep));
  assert.ok(ours.length > 50, `${ours.length} declaration files`);
  const problems = ours
    .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
    .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
  assert.deepEqual(problems, []);
});
