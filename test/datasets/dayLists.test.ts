import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readDays } from "#src/datasets/dayLists";
import { readHko7Days } from "#src/datasets/hko7";
import { digitsOf, minutesOf } from "#src/datasets/radarTime";
import { sharedData } from "./sharedData";

const folder = mkdtempSync(join(tmpdir(), "days-"));
after(() => rmSync(folder, { recursive: true }));

test("times of twelve and ten digits, and what is none", () => {
  assert.equal(minutesOf("197001020101"), 24 * 60 + 61);
  assert.equal(minutesOf("1001020304"), minutesOf("201001020304"));
  assert.equal(digitsOf(minutesOf("201202292359")!), "201202292359");
  for (const wrong of ["201102290000", "201013010000", "201001012400", "201001010060", "1313010000", "20100101000", ""])
    assert.equal(minutesOf(wrong), undefined, wrong);
});

test("lists of days, and nonsense with its line", () => {
  const path = join(folder, "days.txt");
  const refused = (text: string, message: RegExp) => {
    writeFileSync(path, text);
    assert.throws(() => readDays(path), { name: "UserError", message });
  };
  writeFileSync(path, "20150107, 0.1\r\n\n20150112 ,14\n");
  assert.deepEqual(readDays(path), ["20150107", "20150112"]);
  refused("20150107, 0.1\n20150230, 1\n", /days\.txt, line 2: expected a day and its rain such as .*, got 20150230, 1/);
  refused("20150107\n", /line 1: expected a day and its rain/);
  refused("20150107, much\n", /line 1: expected a day and its rain/);
  refused("\n\n", /expected days, got none/);
  assert.throws(() => readDays(join(folder, "none.txt")), { name: "UserError", message: /list of days not found/ });
});

test("the published lists of days", (t) => {
  const shared = sharedData(t, "hko7");
  if (!shared) return;
  const { train, validation, test: last } = readHko7Days(shared).days;
  assert.deepEqual([train?.length, validation?.length, last?.length], [812, 50, 131]);
  assert.equal(new Set([...train!, ...validation!, ...last!]).size, 993);
});
