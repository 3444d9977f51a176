import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import { frames } from "#src/display/frames";
import { DISPLAY } from "#src/display/mime";
import { groupRuns } from "#src/report/compare";
import { baseName, protocolDifferences, protocolOf, publishedFor } from "#src/report/protocol";
import { publishedTables } from "#src/report/published";
import { report } from "#src/report/report";
import { readRun } from "#src/report/runFacts";
import { makeRun } from "./runs";

const root = mkdtempSync(join(tmpdir(), "report-"));
after(() => rmSync(root, { recursive: true }));
before(() => chooseBackend("cpu"));
const at = (name: string) => join(root, name);

const ms1 = makeRun(at("ms-1"), { settings: { seed: 1 }, mse: 10 });
const ms2 = makeRun(at("ms-2"), { settings: { seed: 2 }, mse: 14 });
const base = makeRun(at("base"), { settings: { model: "ConvLSTM" }, mse: 9, clips: [-2, -1, 1, 2.5] });
const other = makeRun(at("other"), { settings: { model: "ConvLSTM", filters: 4 }, mse: 9, ids: ["a", "b", "c", "d"] });
const raw = makeRun(at("raw"), { settings: { model: "PredRNN" } });

test("a run's facts: cost, log, the newest scores", () => {
  const run = readRun(ms1);
  assert.deepEqual([run.name, run.iterations, run.backend, run.dataset], ["ms-1", 4, "wasm", "Moving MNIST (small)"]);
  assert.deepEqual([run.finalLoss, run.secondsPerStep, run.peakBytes], [2.5, 0.25, 4e6]);
  assert.ok(run.cost.parameters > 0 && run.commit === "0123456789abcdef");
  assert.deepEqual([run.evaluation?.iteration, run.evaluation?.clips], [4, 4]);
  assert.equal(readRun(raw).evaluation, undefined);
});

test("runs that differ in the seed alone are one group: mean and deviation", () => {
  const groups = groupRuns([ms1, base, ms2, other, raw].map(readRun));
  assert.deepEqual(
    groups.map(({ label, runs }) => [label, runs.length]),
    [
      ["MS-ConvLSTM", 2],
      ["ConvLSTM, filters 2", 1],
      ["ConvLSTM, filters 4", 1],
      ["PredRNN", 1],
    ],
  );
  assert.deepEqual(groups[0].scores.mse, { mean: 12, deviation: Math.sqrt(8), count: 2 });
  assert.deepEqual(groups[1].scores.mse, { mean: 9, count: 1 });
  const [mse] = groups[0].reports!["MS-ConvLSTM"];
  assert.deepEqual([mse.horizon, mse.perFrame, mse.clips], [12, [0, 11, 13], [10, 11, 13, 14]]);
});

test("runs of one group on different clips have no mean, and it is said", () => {
  const odd = makeRun(at("odd"), { settings: { seed: 3 }, mse: 10, ids: ["x", "y", "z", "w"] });
  const [group] = groupRuns([readRun(ms1), readRun(odd)]);
  assert.deepEqual(group.scores, {});
  assert.match(group.doubt!, /^MS-ConvLSTM: its runs were scored on different clips/);
});

test("a report: table, figures, comparisons, published numbers with warnings", async () => {
  const r = await report([ms1, ms2, base, other, raw]);
  assert.equal(r.rows.length, 5);
  assert.deepEqual([r.rows[0]["horizon MSE"], r.rows[0]["peak MB"], r.rows[4].scored], [10, 4, "not evaluated"]);
  assert.deepEqual(Object.keys(r.figures), ["scores", "scores-2", "loss"]);
  const { markdown } = r;
  assert.match(markdown, /\| MS-ConvLSTM +\| +2 \| +12 ± 2\.8 \|/);
  assert.match(
    markdown,
    /horizon MSE of MS-ConvLSTM less that of the better trivial forecast \(copy last frame\): -8\.00 /,
  );
  assert.match(markdown, /horizon MSE of MS-ConvLSTM less that of ConvLSTM, filters 2: 2\.88 .*MS-ConvLSTM is worse/);
  assert.match(markdown, /horizon SSIM of MS-ConvLSTM less that of ConvLSTM, filters 2: -0\.0/);
  assert.match(markdown, /MS-ConvLSTM and ConvLSTM, filters 4 were scored on different clips: no paired comparison/);
  assert.match(markdown, /\* PredRNN: not evaluated/);
  assert.match(
    markdown,
    /Warning:\*\* not the protocol of MS-ConvLSTM and ConvLSTM.*frames 16 x 16 here, 64 x 64 there/,
  );
  assert.match(markdown, /\| ConvLSTM-L \| +33\.80 \|/);
  assert.match(markdown, /\| PredRNN +\| +23\.80 \|/);
  assert.ok(!markdown.includes("| PredRNN++"));
  assert.equal(r.csv.split("\n")[1].split(",")[0], "ms-1");
  assert.match(r.csv, /,2\.5,10,0\.10000000000000003,"iteration 4, 4 clips",/);
  assert.deepEqual(r.dataFrame().column("horizon MSE").values.slice(0, 2), [10, 14]);
  const bundle = await r[DISPLAY]();
  assert.ok(bundle["text/html"] === r.html && bundle["text/plain"].includes("ms-2"));
});

test("a report is written as files; again in its place, but nowhere among others' files", async () => {
  const clip = { data: new Float32Array(2 * 64), shape: [1, 2, 8, 8, 1] as const };
  writeFileSync(join(ms1, "forecast.png"), frames({ forecast: clip }).png);
  const r = await report([ms1, base], { title: "A & B" });
  const out = at("out");
  const files = r.write(out);
  const names = ["forecast-1.png", "loss.png", "scores.png"].map((name) => `report-${name}`);
  assert.deepEqual(readdirSync(out).sort(), [...names, "report.csv", "report.html", "report.md"]);
  assert.equal(files.length, 6);
  assert.match(readFileSync(join(out, "report.html"), "utf8"), /<title>A &amp; B<\/title>/);
  for (const name of names) assert.ok(r.markdown.includes(`](${name})`), name);
  r.write(out);
  r.write(ms1);
  assert.ok(readdirSync(ms1).includes("report.html"));
  assert.throws(() => r.write(ms2), /ms-2 holds checkpoint|ms-2 holds clips\.csv, expected an empty folder/);
  writeFileSync(join(out, "notes.txt"), "");
  assert.throws(() => r.write(out), /out holds notes\.txt, expected an empty folder or one with an earlier report/);
  mkdirSync(at("mine"));
  writeFileSync(join(at("mine"), "report.md"), "mine");
  assert.throws(() => r.write(at("mine")), /mine holds report\.md/);
  assert.throws(() => r.write(join(at("mine"), "report.md")), /is a file, expected a folder for the report/);
  rmSync(join(ms1, "forecast.png"));
});

test("bad runs: one line", async () => {
  await assert.rejects(report([]), /expected at least one run/);
  await assert.rejects(report([at("none")]), /config\.json not found/);
  await assert.rejects(report([ms1, `${ms1}/.`]), /ms-1\/\. is given twice/);
  const damaged = makeRun(at("damaged"), { mse: 3 });
  writeFileSync(join(damaged, "forecast.png"), "no picture");
  await assert.rejects(report([damaged]), /forecast\.png is damaged, expected a PNG picture/);
  appendFileSync(join(damaged, "scores.csv"), "4,test,4\n");
  await assert.rejects(report([damaged]), /scores\.csv row 20 has 3 values, expected 7/);
});

test("the command writes into the run's own folder, or where it is told", () => {
  const cli = (...args: string[]) =>
    spawnSync(process.execPath, ["dist/cli.js", "report", ...args], { encoding: "utf8" });
  const own = cli(base, "--json");
  assert.equal(own.status, 0, own.stderr);
  const { runs, files } = JSON.parse(own.stdout.trimEnd().split("\n").at(-1)!);
  assert.deepEqual([runs[0].run, files.at(-1)], ["base", join(base, "report.html")]);
  assert.equal(own.stderr, "");
  const several = cli(base, ms1);
  assert.deepEqual([several.status, several.stderr], [2, "ms-rnn: report: expected --out DIR for several runs\n"]);
  assert.equal(cli().status, 2);
  assert.equal(cli(base, ms1, "--out", at("cli"), "--title", "Both").status, 0);
  assert.match(readFileSync(join(at("cli"), "report.md"), "utf8"), /^# Both\n/);
});

test("protocols: what differs and what is not told, from the settings", () => {
  const ours = protocolOf(readRun(ms1));
  assert.deepEqual([ours.epochs, ours.loss, ours.testClips, ours.size], [8e-7, "mse", 4, 16]);
  const { differ, untold } = protocolDifferences(ours, { data: ours.data, size: 64, loss: "mse", testClips: 10_000 });
  assert.deepEqual(differ, ["frames 16 x 16 here, 64 x 64 there", "test clips 4 here, 10,000 there"]);
  assert.ok(untold.includes("training sequences") && !untold.includes("loss"));
  assert.deepEqual(protocolDifferences(ours, ours), { differ: [], untold: [] });
  assert.deepEqual(["MS-ConvLSTM", "ConvLSTM-S", "PredRNN++"].map(baseName), ["ConvLSTM", "ConvLSTM", "PredRNN++"]);
});

test("published tables: those of the data and the network; every one names its source", () => {
  const found = publishedFor(publishedTables, readRun(raw));
  assert.deepEqual([...new Set(found.flatMap(({ rows }) => rows.map(({ model }) => model)))], ["PredRNN"]);
  assert.ok(found.every(({ protocol }) => protocol.data.startsWith("Moving MNIST")));
  assert.ok(publishedTables.every(({ source, rows }) => source !== "" && rows.length > 0));
  const [first] = found;
  assert.deepEqual([first.rows[0].mse, first.rows[0].psnr, first.protocol.epochs], [23.97, 23.28, 200]);
});
