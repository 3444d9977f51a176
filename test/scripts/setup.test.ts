import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { projectRoot } from "#kernel/paths";

const folder = mkdtempSync(join(tmpdir(), "ms-rnn-setup-"));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of what set-up looks at first, without packages and build: a clone on a bare machine. */
function bareClone(name: string): string {
  const clone = join(folder, name);
  mkdirSync(clone);
  cpSync(join(projectRoot, "scripts"), join(clone, "scripts"), { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) cpSync(join(projectRoot, file), join(clone, file));
  return clone;
}

/** A folder for PATH that holds nothing but the given programs, each a shell script. */
function programs(name: string, scripts: Record<string, string>): string {
  const bin = join(folder, "bin", name);
  mkdirSync(bin, { recursive: true });
  for (const [program, body] of Object.entries(scripts)) {
    writeFileSync(join(bin, program), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
  return bin;
}

interface Machine {
  path: string;
  python?: string;
  args?: string[];
  asNobody?: boolean;
}

function setup(clone: string, { path, python, args = [], asNobody = false }: Machine): SpawnSyncReturns<string> {
  const isRoot = process.getuid?.() === 0;
  const env = { PATH: path, HOME: folder, MS_RNN_PYTHON: python ?? join(folder, "no-python") };
  const user = asNobody && isRoot ? { uid: 65534, gid: 65534 } : {};
  return spawnSync(process.execPath, [join(clone, "scripts", "setup.mjs"), ...args], {
    encoding: "utf8",
    env,
    ...user,
  });
}

function refuses({ status, stdout, stderr }: SpawnSyncReturns<string>, clone: string, message: RegExp): void {
  assert.equal(status, 1, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, message);
  assert.equal(stderr.trimEnd().split("\n").length, 1, "one line");
  assert.ok(!existsSync(join(clone, "node_modules")) && !existsSync(join(clone, "dist")), "nothing half done");
}

const packages = "jupyter-notebook jupyter-nbconvert python3-nbclient jupyter-client jupyter-core";

test("without apt, one line names the packages and how to install them", () => {
  const clone = bareClone("no-apt");
  const run = setup(clone, { path: programs("empty", {}) });
  refuses(run, clone, new RegExp(`apt-get is not available; .*apt-get install -y --no-install-recommends ${packages}`));
});

test("without root and sudo, one line names the packages and how to install them", () => {
  const clone = bareClone("no-root");
  const path = programs("apt-only", { "apt-get": "echo called >&2; exit 1" });
  refuses(
    setup(clone, { path, asNobody: true }),
    clone,
    new RegExp(`neither root nor sudo .* as root: .* ${packages}`),
  );
});

test("sudo that asks for a password is no sudo", () => {
  const clone = bareClone("asking-sudo");
  const path = programs("asking", { "apt-get": "exit 1", sudo: "exit 1" });
  refuses(setup(clone, { path, asNobody: true }), clone, /neither root nor sudo without a password/);
});

test("where npm is missing, it is said before anything is changed", () => {
  const clone = bareClone("no-npm");
  const python = join(programs("python", { python: "exit 0" }), "python");
  refuses(setup(clone, { path: join(folder, "bin", "empty"), python }), clone, /npm is needed .* not on PATH/);
});

test("Debian packages: lists are fetched when they are empty, only what is missing is installed, sudo is used", () => {
  const clone = bareClone("apt");
  const log = join(clone, "apt.log");
  writeFileSync(log, "");
  chmodSync(log, 0o666);
  const path = programs("apt", {
    "apt-get": `echo "$@" >> ${log}; exit 0`,
    "apt-cache": "exit 0",
    sudo: `shift; [ $# -gt 0 ] && case "$1" in true) exit 0;; esac; exec "$@"`,
    env: 'shift; exec "$@"',
    true: "exit 0",
    npm: "exit 0",
    // nbclient is missing, and stays so.
    python: "echo nbclient",
  });
  const run = setup(clone, { path, python: join(path, "python"), asNobody: true });
  const install = "install -y --no-install-recommends -o DPkg::Lock::Timeout=300 python3-nbclient";
  assert.deepEqual(readFileSync(log, "utf8").trim().split("\n"), ["update -qq", install]);
  assert.match(run.stdout, /^set-up: installing Debian packages python3-nbclient /);
  assert.match(run.stderr, /python3-nbclient: installed, but no Python can import it/);
  assert.equal(run.status, 1);
});

test("an old Node is refused in one line", () => {
  const clone = bareClone("old-node");
  const manifest = join(clone, "package.json");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/"node": ">=[^"]*"/, '"node": ">=99.0"'));
  refuses(setup(clone, { path: join(folder, "bin", "empty") }), clone, /Node >=99\.0 is needed, but this is \d+/);
});

test("a failing npm ci is shown with its errors", () => {
  const clone = bareClone("failing-npm");
  const path = programs("failing", { npm: "echo out of luck >&2; exit 3", python: "exit 0" });
  const run = setup(clone, { path, python: join(path, "python") });
  assert.equal(run.status, 1);
  assert.match(run.stderr, /^ms-rnn: npm ci failed:\nout of luck\n$/);
});

test("an unknown option is refused with status 2", () => {
  const run = setup(projectRoot, { path: "", args: ["--tset"] });
  assert.equal(run.status, 2);
  assert.match(run.stderr, /expected nothing, --test or --strict, got --tset/);
});

test("packages that npm itself brought up to date are not installed again, a changed lock file is noticed", () => {
  const clone = bareClone("current");
  mkdirSync(join(clone, "node_modules", "left-pad"), { recursive: true });
  const lock = (version: string) => JSON.stringify({ packages: { "": {}, "node_modules/left-pad": { version } } });
  writeFileSync(
    join(clone, "node_modules", ".package-lock.json"),
    JSON.stringify({
      packages: { "node_modules/left-pad": { version: "1.0.0" } },
    }),
  );
  const path = programs("counting", { npm: "echo npm was called >&2; exit 3", python: "exit 0" });
  const run = (version: string): string => {
    writeFileSync(join(clone, "package-lock.json"), lock(version));
    return setup(clone, { path, python: join(path, "python") }).stderr;
  };
  assert.doesNotMatch(run("1.0.0"), /npm was called/);
  assert.match(run("1.0.1"), /npm was called/);
});

// The engine

interface Engineless {
  path: string;
  compiler?: string;
  options?: object;
  asNobody?: boolean;
}

/** Builds the engine as set-up does, in a clone. */
function prepareEngine(clone: string, { path, compiler, options = {}, asNobody = false }: Engineless) {
  const code = `
    const { main } = await import(${JSON.stringify(pathToFileURL(join(clone, "scripts", "tools.mjs")).href)});
    const { prepareEngine } = await import(${JSON.stringify(pathToFileURL(join(clone, "scripts", "setup.mjs")).href)});
    await main(() => prepareEngine(${JSON.stringify(options)}));`;
  const env = { PATH: path, HOME: folder, ...(compiler === undefined ? {} : { CXX: compiler }) };
  const user = asNobody && process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  return spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8", env, cwd: "/", ...user });
}

/** What a shell script of a compiler does that finds this version of oneDNN, or none, and compiles as told. */
const compilerScript = (version: string | undefined, compile = "exit 0") =>
  `case "$1" in
    --version) echo "fake 1.0";;
    -E) ${version === undefined ? "exit 1" : `echo "version: ${version}"`};;
    *) ${compile};;
  esac`;

/** A clone with a source for the engine and the headers' package. */
function engineClone(name: string): string {
  const clone = bareClone(name);
  mkdirSync(join(clone, "native"));
  writeFileSync(join(clone, "native", "addon.cpp"), "");
  const headers = join(clone, "node_modules", "node-api-headers");
  mkdirSync(headers, { recursive: true });
  writeFileSync(join(headers, "package.json"), "{}");
  chmodSync(join(clone, "native"), 0o777);
  return clone;
}

const linux = process.platform === "linux" ? false : "the engine is built for Linux only";

function goesOnWithout({ status, stdout, stderr }: SpawnSyncReturns<string>, why: RegExp): void {
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  assert.match(stdout.trimEnd().split("\n").at(-1)!, why);
  assert.match(stdout, /^set-up: the engine is not built, wasm computes instead: /m);
}

test("set-up goes on with wasm where the compiler does not run", { skip: linux }, () => {
  const python = join(programs("engineless", { python: "exit 0" }), "python");
  const env = { PATH: join(folder, "bin", "engineless"), HOME: folder, MS_RNN_PYTHON: python, CXX: "/nonexistent" };
  const script = join(projectRoot, "scripts", "setup.mjs");
  const run = spawnSync(process.execPath, [script], { encoding: "utf8", env });
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, /wasm computes instead: CXX is \/nonexistent, which does not run\n/);
  assert.match(run.stdout, /set-up: ready\n$/);
  const strict = spawnSync(process.execPath, [script, "--strict"], { encoding: "utf8", env });
  assert.equal(strict.status, 1);
  assert.match(strict.stderr, /^ms-rnn: the engine is not built: CXX is \/nonexistent, which does not run\n$/);
});

test("without compiler and apt, one line names the packages", { skip: linux }, () => {
  const run = prepareEngine(engineClone("no-compiler"), { path: programs("none", {}) });
  goesOnWithout(run, /: g\+\+ .*missing and apt-get is not available \(on Debian, as root: apt-get install .*g\+\+/);
});

test("without oneDNN's headers and root, one line names the package", { skip: linux }, () => {
  const path = programs("no-header", { "g++": compilerScript(undefined), "apt-get": "exit 1" });
  const run = prepareEngine(engineClone("no-header"), { path, asNobody: true });
  goesOnWithout(run, /: libdnnl-dev is missing and neither root nor sudo .*install .* libdnnl-dev\)$/);
});

test("packages that cannot be installed are asked for once, and again on request", { skip: linux }, () => {
  const clone = engineClone("refused");
  const log = join(clone, "apt.log");
  const path = programs("refusing", {
    "g++": compilerScript(undefined),
    "apt-get": `echo "$@" >> ${log}; echo no such package >&2; exit 1`,
    "apt-cache": "exit 0",
    sudo: `shift; case "$1" in true) exit 0;; esac; exec "$@"`,
    env: 'shift; exec "$@"',
  });
  writeFileSync(log, "");
  chmodSync(log, 0o666);
  const asked = () => readFileSync(log, "utf8").match(/^install .*libdnnl-dev$/gm)?.length ?? 0;
  goesOnWithout(prepareEngine(clone, { path, asNobody: true }), /apt-get install libdnnl-dev failed: no such package$/);
  const once = asked();
  assert.ok(once > 0);
  goesOnWithout(
    prepareEngine(clone, { path, asNobody: true }),
    /could not be installed \(npm run setup tries again\)$/,
  );
  assert.equal(asked(), once);
  prepareEngine(clone, { path, asNobody: true, options: { retry: true } });
  assert.ok(asked() > once);
});

test("another generation of oneDNN is named", { skip: linux }, () => {
  const path = programs("newer", { "g++": compilerScript("3 4 1") });
  goesOnWithout(prepareEngine(engineClone("newer"), { path }), /: it needs oneDNN 2\.x, and this is 3\.4\.1$/);
});

test("a failing build, and an engine that does not load, are one line", { skip: linux }, () => {
  const boom = programs("boom", { "g++": compilerScript("2 6 3", "echo a.cpp: error: boom >&2; exit 1") });
  goesOnWithout(prepareEngine(engineClone("boom"), { path: boom }), /: g\+\+ failed: a\.cpp: error: boom$/);
  const strict = prepareEngine(engineClone("boom-strict"), { path: boom, options: { strict: true } });
  assert.equal(strict.status, 1);
  // Writes what is no library to the path that follows -o, which comes last.
  const junk = 'while [ $# -gt 1 ]; do shift; done; echo junk > "$1"';
  const clone = engineClone("junk");
  const path = programs("junk", { "g++": compilerScript("2 6 3", junk) });
  goesOnWithout(prepareEngine(clone, { path }), /: it does not load: /);
});
