import assert from "node:assert/strict";
import { test } from "node:test";
import { csvLine, parseCsv } from "#src/report/csv";

test("fields come back as they were: commas, quotes, line ends, all digits", () => {
  const rows = [
    ["a,b", 'say "no"', "two\nlines", ""],
    ["", "", "", '"'],
    [String(0.1 + 0.2), String(Number.MIN_VALUE), "ä", ","],
  ];
  const text = `${rows.map(csvLine).join("\n")}\n`;
  assert.deepEqual(parseCsv(text, "x"), rows);
  assert.deepEqual(parseCsv(text.trimEnd(), "x"), rows);
  assert.equal(csvLine([1, 0.1 + 0.2, "a"]), "1,0.30000000000000004,a");
  assert.deepEqual(parseCsv("a,\r\nb,c\r\n", "x"), [
    ["a", ""],
    ["b", "c"],
  ]);
  assert.deepEqual(parseCsv("a,", "x"), [["a", ""]]);
});

test("stray quotes are an error that names the row", () => {
  assert.throws(() => parseCsv('a,b\nc,"d\n', "f.csv"), /^UserError: f\.csv row 2: .*stray quotes$/);
  assert.throws(() => parseCsv('a,b"c\n', "f.csv"), /f\.csv row 1/);
});
