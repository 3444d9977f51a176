import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readEvaluations } from "#src/report/evaluations";
import { addScores, type Evaluation, readClipScores, readScores } from "#src/report/scoresFile";
import { reportOf } from "./runs";

const root = mkdtempSync(join(tmpdir(), "scores-"));
after(() => rmSync(root, { recursive: true }));
const fresh = () => mkdtempSync(join(root, "run-"));

const ids = ['clip "a", 1', "b\nc"];
const evaluation = (changes: Partial<Evaluation> = {}, mse = 1 / 3): Evaluation => ({
  ...{ iteration: 12, split: "test" as const, ids },
  reports: { "MS-ConvLSTM, wide": [reportOf("mse", mse, [0.1 + 0.2, 5e-324])] },
  ...changes,
});

test("scores come back to the last bit, names with commas, quotes and line ends too", () => {
  const folder = fresh();
  const paths = addScores(folder, evaluation());
  assert.deepEqual(paths, { scores: join(folder, "scores.csv"), clips: join(folder, "clips.csv") });
  const lines = readFileSync(paths.scores, "utf8").split("\n");
  assert.equal(lines[0], "iteration,split,clips,forecaster,score,predicted_frame,value");
  assert.equal(lines[2], '12,test,2,"MS-ConvLSTM, wide",mse,2,-0.6666666666666667');
  assert.deepEqual(
    readScores(folder).map(({ value, frame }) => [frame, value]),
    [0, 1 / 3 - 1, 1 / 3 + 1].map((value, i) => [i + 1, value]),
  );
  assert.deepEqual(
    readClipScores(folder).map(({ clip, value }) => [clip, value]),
    [
      [ids[0], 0.1 + 0.2],
      [ids[1], 5e-324],
    ],
  );
  const [back] = readEvaluations(folder, 2);
  assert.deepEqual([back.iteration, back.split, back.clips, back.ids], [12, "test", 2, ids]);
  const [report] = back.reports["MS-ConvLSTM, wide"];
  assert.deepEqual(report.clips, [0.1 + 0.2, 5e-324]);
  assert.ok(Math.abs(report.horizon - 1 / 3) < 1e-15 && report.better === "lower");
});

test("the same evaluation again changes nothing, another one adds its rows", () => {
  const folder = fresh();
  addScores(folder, evaluation());
  const files = () => readdirSync(folder).map((name) => [name, statSync(join(folder, name)).ino]);
  const before = files();
  addScores(folder, evaluation({}, (1 / 3) * (1 + 1e-6)));
  assert.deepEqual(files(), before);
  addScores(folder, evaluation({ iteration: 20 }));
  addScores(folder, evaluation({ split: "validation" }));
  assert.deepEqual(
    readEvaluations(folder, 2).map(({ iteration, split }) => [iteration, split]),
    [
      [12, "test"],
      [20, "test"],
      [12, "validation"],
    ],
  );
  assert.equal(readFileSync(join(folder, "scores.csv"), "utf8").split("\n").length, 1 + 3 * 3 + 1);
});

test("an evaluation of fewer clips has the first of them", () => {
  const folder = fresh();
  addScores(folder, evaluation());
  const reports = { "MS-ConvLSTM, wide": [reportOf("mse", 1, [0.1 + 0.2])] };
  addScores(folder, evaluation({ ids: ids.slice(0, 1), reports }));
  const [two, one] = readEvaluations(folder, 2);
  assert.deepEqual([two.ids, one.ids], [ids, ids.slice(0, 1)]);
  assert.deepEqual(one.reports["MS-ConvLSTM, wide"][0].clips, [0.1 + 0.2]);
});

test("other numbers for what was scored are refused, and neither file changes", () => {
  const folder = fresh();
  addScores(folder, evaluation());
  const before = readFileSync(join(folder, "clips.csv"), "utf8");
  const reports = { "MS-ConvLSTM, wide": [reportOf("mse", 1 / 3, [0.4, 5e-324])], other: [reportOf("mse", 1, [1, 2])] };
  assert.throws(
    () => addScores(folder, evaluation({ reports })),
    /clips\.csv has 0\.30000000000000004 for 12,test,"clip ""a"", 1","MS-ConvLSTM, wide",mse, but now it is 0\.4: nothing/,
  );
  assert.equal(readFileSync(join(folder, "clips.csv"), "utf8"), before);
  assert.ok(!readFileSync(join(folder, "scores.csv"), "utf8").includes("other"));
});

test("values that are not finite are kept; no file means no scores", () => {
  const folder = fresh();
  assert.deepEqual(readScores(folder), []);
  const report = { ...reportOf("psnr", 1, [Infinity, Number.NaN]), perFrame: [Number.NaN, -Infinity, Infinity] };
  const odd = evaluation({ reports: { m: [report] } });
  addScores(folder, odd);
  addScores(folder, odd);
  assert.deepEqual(
    readScores(folder).map(({ value }) => value),
    [Number.NaN, -Infinity, Infinity],
  );
});

test("damaged files: one line with the row", () => {
  const folder = fresh();
  const path = join(folder, "scores.csv");
  const head = "iteration,split,clips,forecaster,score,predicted_frame,value";
  const cases: [string, RegExp][] = [
    ["", /expected the columns iteration,split,.*, got $/],
    ["forecaster,score,value\n", /expected the columns .*, got forecaster,score,value$/],
    [`${head}\n1,test,2,m,mse,1,0.5\n1,test,2,m\n`, /scores\.csv row 3 has 4 values, expected 7$/],
    [`${head}\n1,test,2,m,mse,1,\n`, /row 2: value is "", expected a number$/],
    [`${head}\n1,test,2,m,mse,1,0x\n`, /row 2: value is "0x", expected a number$/],
    [`${head}\n1.5,test,2,m,mse,1,1\n`, /row 2: iteration is "1\.5", expected a whole number$/],
    [`${head}\n1,exam,2,m,mse,1,1\n`, /row 2: split is "exam", expected train, validation or test$/],
    [`${head}\n1,test,2,m,mse,2,1\n`, /mse of m at iteration 1 does not count its frames from 1$/],
    [`${head}\n1,test,2,m,lpips,1,1\n`, /lpips is no score, expected one of mse, /],
  ];
  for (const [text, message] of cases) {
    writeFileSync(path, text);
    assert.throws(() => readEvaluations(folder, 1), message);
  }
});
