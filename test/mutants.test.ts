import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

test("each break of test/mutants.json is of a line that is there once", () => {
  const mutants = JSON.parse(readFileSync("test/mutants.json", "utf8")) as { file: string; find: string }[];
  const wrong = mutants.filter(({ file, find }) => readFileSync(file, "utf8").split(find).length !== 2);
  assert.deepEqual(wrong, []);
});
