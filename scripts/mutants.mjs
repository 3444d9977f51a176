// npm run test:mutants: breaks one line of src/ or kernel/ at a time (the list is test/mutants.json) and expects the tests
// to notice. Works in temporary copies; the working tree stays as it is. Arguments are parts of source file names.
import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { setup } from "./setup.mjs";
import { testFiles } from "./test.mjs";
import { main, root } from "./tools.mjs";

const LIST = "test/mutants.json";
/** Each works in a copy of its own. */
const WORKERS = 2;
/** Longest time for one test file; where the unchanged code's time is known, that much more than it. */
const FILE_LIMIT_MS = 600_000;
const slack = (greenMs) => 30_000 + 5 * greenMs;
/** Not copied: history, packages (linked), what was built (built anew, so that it is of the copied sources), results. */
const LEFT_OUT = [".git", "node_modules", "dist", "out", "runs", "build"];

/** @typedef {{ file: string, find: string, replace: string, tests: string[] }} Mutant */

/** The mutants of the list whose file names hold one of the parts. */
function readList(parts) {
  const list = JSON.parse(readFileSync(join(root, LIST), "utf8"));
  const chosen = list.filter(({ file }) => parts.length === 0 || parts.some((part) => file.includes(part)));
  if (chosen.length === 0) throw Object.assign(new Error(`no mutant of ${parts.join(", ")}`), { exitCode: 2 });
  return chosen.map((mutant) => ({ ...mutant, named: [...new Set(mutant.tests.flatMap((part) => namedBy(part)))] }));
}

function namedBy(part) {
  const files = testFiles([part]);
  if (files.length === 0) throw new Error(`${LIST}: no test file matches ${part}`);
  return files;
}

/** The source with the one line changed. */
function mutate(source, { file, find, replace }) {
  const times = source.split(find).length - 1;
  if (times !== 1) throw new Error(`${LIST}: ${JSON.stringify(find)} occurs ${times} times in ${file}, expected once`);
  if (find === replace || /\n/.test(find + replace)) throw new Error(`${LIST}: ${find}: expected a change of one line`);
  return source.replace(find, () => replace);
}

const ts = () => createRequire(join(root, "package.json"))("typescript");

/** One file compiled by itself, with the options of its tsconfig.json: what `tsc -b` writes for it. */
function compile(file, source) {
  const folder = join(root, file.split("/")[0]);
  const { config } = ts().readConfigFile(join(folder, "tsconfig.json"), ts().sys.readFile);
  const { options } = ts().parseJsonConfigFileContent(config, ts().sys, folder);
  const { outputText } = ts().transpileModule(source, { fileName: join(root, file), compilerOptions: options });
  return outputText;
}

const compiled = (file) => join("dist", file.replace(/^src\//, "").replace(/\.ts$/, ".js"));

/** Copies of the working tree, built, in a folder that goes when this process ends. */
function makeCopies() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "ms-rnn-mutants-")));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const copies = Array.from({ length: WORKERS }, (_, i) => join(folder, String(i)));
  const packages = join(root, "node_modules");
  const [first, ...others] = copies;
  cpSync(root, first, { recursive: true, filter: (path) => !LEFT_OUT.includes(relative(root, path)) });
  symlinkSync(packages, join(first, "node_modules"), "dir");
  const build = [join(packages, "typescript", "bin", "tsc"), "-b"];
  const { status, stdout } = spawnSync(process.execPath, build, { cwd: first, encoding: "utf8" });
  if (status !== 0) throw new Error(`the build failed: ${stdout.split("\n")[0]}`);
  for (const copy of others) cpSync(first, copy, { recursive: true, verbatimSymlinks: true });
  return copies;
}

/** Processes under way, to be ended with this one. */
const running = new Set();

/** Runs one test file in a copy. Red is a failure or a time-out. */
function runTest(copy, file, limitMs) {
  const shared = resolve(root, process.env.MS_RNN_SHARED ?? "../shared");
  const env = { ...process.env, ...(existsSync(shared) && { MS_RNN_SHARED: shared }) };
  // A test that is itself run by node:test would report to that one and always exit with 0.
  delete env.NODE_TEST_CONTEXT;
  const started = performance.now();
  return new Promise((done, fail) => {
    // A process group of its own, so that a time-out ends kernels and browsers too.
    const child = spawn(process.execPath, ["--test", file], { cwd: copy, env, stdio: "ignore", detached: true });
    const kill = () => {
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    };
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, limitMs);
    running.add(kill);
    child.on("error", fail);
    child.on("close", (status) => {
      clearTimeout(timer);
      running.delete(kill);
      kill();
      done({ green: status === 0, timedOut, ms: performance.now() - started });
    });
  });
}

/** Calls `work(copy, item)` for every item, one at a time in each copy. */
async function inCopies(copies, items, work) {
  const queue = [...items];
  const loop = async (copy) => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(copy, item);
  };
  await Promise.all(copies.map(loop));
}

/** The first red of all test files, the named ones first; undefined when the mutant survives. */
async function firstRed(copy, mutant, greenMs, original) {
  const others = testFiles().filter((file) => !mutant.named.includes(file));
  for (const file of [...mutant.named, ...others]) {
    const known = greenMs.get(file);
    const result = await runTest(copy, file, known === undefined ? FILE_LIMIT_MS : slack(known));
    if (result.green) continue;
    if (known === undefined) {
      // Not among the files seen green before: is it the mutant's doing?
      writeFileSync(join(copy, compiled(mutant.file)), original);
      const unchanged = await runTest(copy, file, FILE_LIMIT_MS);
      if (!unchanged.green) throw new Error(`${file} fails on the unchanged code: mend that first`);
      greenMs.set(file, unchanged.ms);
    }
    return { file, timedOut: result.timedOut };
  }
  return undefined;
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const describe = ({ file, find, replace }) => `${file}: ${find.trim()} -> ${replace.trim() || "(nothing)"}`;

async function runMutants(parts) {
  await setup({ want: ["test"] });
  const mutants = readList(parts);
  const copies = makeCopies();
  for (const mutant of mutants) {
    const source = readFileSync(join(copies[0], mutant.file), "utf8");
    mutant.original = readFileSync(join(copies[0], compiled(mutant.file)), "utf8");
    if (compile(mutant.file, source) !== mutant.original) {
      throw new Error(`${mutant.file} compiled by itself is not what tsc makes of it`);
    }
    mutant.broken = compile(mutant.file, mutate(source, mutant));
    if (mutant.broken === mutant.original) throw new Error(`${LIST}: ${describe(mutant)} changes nothing that runs`);
  }

  const greenMs = new Map();
  const named = [...new Set(mutants.flatMap((mutant) => mutant.named))];
  await inCopies(copies, named, async (copy, file) => {
    const { green, ms } = await runTest(copy, file, FILE_LIMIT_MS);
    if (!green) throw new Error(`${file} fails on the unchanged code: mend that first`);
    greenMs.set(file, ms);
  });
  console.log(`${mutants.length} mutants; ${named.length} named test files are green on the unchanged code`);

  let survived = 0;
  await inCopies(copies, mutants, async (copy, mutant) => {
    const started = performance.now();
    writeFileSync(join(copy, compiled(mutant.file)), mutant.broken);
    const red = await firstRed(copy, mutant, greenMs, mutant.original);
    writeFileSync(join(copy, compiled(mutant.file)), mutant.original);
    if (!red) survived++;
    const by = red && `${relative(join("dist", "test"), red.file)}${red.timedOut ? " (timed out)" : ""}`;
    const verdict = red ? `killed by ${by}` : "SURVIVED";
    console.log(`${verdict}, ${seconds(performance.now() - started)}  ${describe(mutant)}`);
  });
  console.log(`${mutants.length - survived} killed, ${survived} survived`);
  return survived === 0 ? 0 : 1;
}

for (const [signal, status] of Object.entries({ SIGINT: 130, SIGTERM: 143 }))
  process.on(signal, () => process.exit(status));
process.on("exit", () => {
  for (const kill of running) kill();
});
await main(async () => {
  try {
    return await runMutants(process.argv.slice(2));
  } finally {
    // After an error in one copy the other may still be at work.
    for (const kill of running) kill();
  }
});
