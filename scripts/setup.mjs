// Makes a fresh clone ready: Debian packages, npm packages, build, engine, kernel specification. Each step that finds its
// work done is skipped. Plain Node without packages: this runs before node_modules exists.
//
//   node scripts/setup.mjs [--test] [--strict]
//
// --test     also what some tests need
// --strict   fails where the engine cannot be built, or not without warnings
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { buildEngine, engineObstacle } from "./native.mjs";
import { filesBelow, isMain, lastLine, main, root, run, which } from "./tools.mjs";

/** What the notebooks need: Debian package, and the Python module that shows it is there. */
const NOTEBOOK_NEEDS = [
  { package: "jupyter-notebook", module: "notebook" },
  { package: "jupyter-nbconvert", module: "nbconvert" },
  { package: "python3-nbclient", module: "nbclient" },
  { package: "jupyter-client", module: "jupyter_client" },
  { package: "jupyter-core", module: "jupyter_core" },
];
/** What some tests need; they are skipped where it is absent. */
const TEST_EXTRAS = [
  { package: "python3-jupyter-kernel-test", module: "jupyter_kernel_test" },
  { package: "chromium", command: "chromium" },
  { package: "ffmpeg", command: "ffmpeg" },
  { package: "python3-h5py", module: "h5py" },
  { package: "python3-skimage", module: "skimage" },
];
/** What the engine is built with. Where these cannot be installed, everything goes on with the slower wasm backend. */
const ENGINE_NEEDS = ["g++", "libdnnl-dev"];
const APT_INSTALL = ["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];

/**
 * @param {object} options
 * @param {"test"[]} [options.want] extras to install where that is possible. Default: none.
 * @param {boolean} [options.strict] an engine that cannot be built without warnings is an error. Default: one line.
 * @param {boolean} [options.retry] asks for Debian packages again that could not be installed before.
 * @param {(line: string) => void} [options.say] told each step that has something to do, in one line.
 */
export async function setup({ want = [], strict = false, retry = false, say = console.log } = {}) {
  // Everything that could make us stop half way is looked at before anything is changed.
  checkNode();
  const debian = planDebian(want);
  const packages = npmIsCurrent() ? undefined : planNpm();
  if (debian.note) say(`set-up: ${debian.note}`);
  if (debian.install.length > 0) installDebian(debian, say);
  if (packages) installNpm(packages, say);
  build(say);
  await prepareEngine({ strict, retry, say });
  const { installKernel } = createRequire(import.meta.url)(join(root, "dist", "kernel", "install.js"));
  const { changed, path } = installKernel();
  if (changed) say(`set-up: kernel specification written to ${path}`);
}

function checkNode() {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const wanted = engines.node.replace(/^>=/, "").split(".").map(Number);
  const found = process.versions.node.split(".").map(Number);
  const older = found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < (wanted[1] ?? 0));
  if (older)
    throw new Error(`Node ${engines.node} is needed, but this is ${process.versions.node}: see https://nodejs.org`);
}

// Debian packages

function planDebian(want) {
  const missing = missingOf(NOTEBOOK_NEEDS);
  const extras = want.includes("test") ? missingOf(TEST_EXTRAS) : [];
  const all = [...missing, ...extras];
  if (all.length === 0) return { install: [] };
  const { apt, sudo, obstacle } = installer();
  if (!obstacle) return { install: all, apt, sudo };
  const command = `apt-get install -y --no-install-recommends ${(missing.length > 0 ? missing : extras).join(" ")}`;
  if (missing.length === 0) {
    return {
      install: [],
      note: `tests that need ${extras.join(", ")} will be skipped (${obstacle}; as root: ${command})`,
    };
  }
  const how = apt
    ? `as root: ${command}`
    : `on Debian, as root: ${command}; elsewhere: pip install notebook nbconvert nbclient`;
  throw new Error(`Jupyter is incomplete and ${obstacle}; install it yourself, ${how}`);
}

/** How Debian packages can be installed here, or why they cannot. */
function installer() {
  const apt = which("apt-get");
  if (!apt) return { obstacle: "apt-get is not available" };
  if (process.getuid?.() === 0) return { apt, sudo: [] };
  if (which("sudo") && run("sudo", ["-n", "true"]).status === 0) return { apt, sudo: ["sudo", "-n"] };
  return { apt, obstacle: "neither root nor sudo without a password is available" };
}

/** Package names of those needs that are not met. */
function missingOf(needs) {
  const modules = needs.flatMap((need) => need.module ?? []);
  const absent = new Set(missingModules(modules));
  return needs
    .filter((need) => absent.has(need.module) || (need.command && !which(need.command)))
    .map((need) => need.package);
}

function missingModules(modules) {
  if (modules.length === 0) return [];
  const code = "import sys, importlib.util as u; print(*[m for m in sys.argv[1:] if u.find_spec(m) is None])";
  let fewest = modules;
  for (const python of process.env.MS_RNN_PYTHON ? [process.env.MS_RNN_PYTHON] : ["/usr/bin/python3", "python3"]) {
    const { status, stdout } = run(python, ["-c", code, ...modules]);
    if (status !== 0) continue;
    const missing = stdout.trim() === "" ? [] : stdout.trim().split(" ");
    if (missing.length === 0) return [];
    if (missing.length < fewest.length) fewest = missing;
  }
  return fewest;
}

function installDebian({ install, apt, sudo }, say) {
  const failure = aptInstall({ install, apt, sudo }, say);
  if (failure) throw new Error(failure);
  const left = missingOf(NOTEBOOK_NEEDS);
  if (left.length > 0)
    throw new Error(`${left.join(" ")}: installed, but no Python can import it (MS_RNN_PYTHON names another)`);
}

/** Why packages could not be installed, or nothing. */
function aptInstall({ install, apt, sudo }, say) {
  const aptGet = (args) => {
    const [command, ...rest] = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", apt, ...args];
    return run(command, rest);
  };
  const known = run("apt-cache", ["policy", ...install]).stdout ?? "";
  const candidates = known.match(/Candidate: (?!\(none\))/g)?.length ?? 0;
  say(`set-up: installing Debian packages ${install.join(" ")} (up to two minutes)`);
  if (candidates < install.length) aptGet(["update", "-qq"]);
  let result = aptGet([...APT_INSTALL, ...install]);
  if (result.status !== 0) {
    // Package lists that are too old name files that are gone.
    aptGet(["update", "-qq"]);
    result = aptGet([...APT_INSTALL, ...install]);
  }
  return result.status === 0 ? undefined : `apt-get install ${install.join(" ")} failed: ${lastLine(result.stderr)}`;
}

// npm packages

const STAMP = join(root, "node_modules", ".ms-rnn-lock");

function lockHash() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

function npmIsCurrent() {
  if (!existsSync(join(root, "node_modules"))) return false;
  if (existsSync(STAMP)) {
    if (readFileSync(STAMP, "utf8") === lockHash()) return true;
  }
  // node_modules may have been brought up to date by npm itself; npm keeps a list of what it put there.
  if (!installedMatchesLock()) return false;
  writeFileSync(STAMP, lockHash());
  return true;
}

function installedMatchesLock() {
  const list = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(list)) return false;
  const installed = JSON.parse(readFileSync(list, "utf8")).packages;
  const { "": _, ...wanted } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const same = ([path, { version }]) => wanted[path]?.version === version && existsSync(join(root, path));
  // Packages for other platforms, and optional peers nobody asked for, are rightly absent.
  const absent = ([path, entry]) => !installed[path] && !entry.optional && !entry.peer;
  return Object.entries(installed).every(same) && !Object.entries(wanted).some(absent);
}

/** The command that runs npm: the one that runs us, or the one on PATH. */
function planNpm() {
  const script = process.env.npm_execpath;
  if (script && existsSync(script) && /npm-cli\.c?js$/.test(script)) return [process.execPath, script];
  const npm = which("npm");
  if (!npm)
    throw new Error("npm is needed to install this project's packages, and is not on PATH: install Node with npm");
  return [npm];
}

function installNpm([command, ...first], say) {
  say("set-up: installing npm packages (npm ci, under a minute)");
  const result = run(command, [...first, "ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: root });
  if (result.status !== 0) throw new Error(`npm ci failed:\n${result.stderr.trim()}`);
  const zeromq = run(process.execPath, ["-e", 'require("zeromq")'], { cwd: root });
  if (zeromq.status !== 0) throw new Error(`the zeromq package does not load here: ${lastLine(zeromq.stderr)}`);
  writeFileSync(STAMP, lockHash());
}

// build

/** Compiles when a source, a setting or the compiler is not the one of the last build. */
function build(say) {
  const stamp = join(root, "dist", ".build-stamp");
  const state = sourceState();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === state) return;
  say("set-up: building (tsc -b)");
  const result = run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b"], { cwd: root });
  if (result.status !== 0) throw new Error(`the build failed:\n${result.stdout.trim() || result.stderr.trim()}`);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, state);
}

function sourceState() {
  const files = ["src", "kernel", "test"].flatMap((folder) =>
    filesBelow(join(root, folder), /\.ts$|^tsconfig.*\.json$/),
  );
  const settings = readdirSync(root).filter((name) => /^tsconfig.*\.json$|^package-lock\.json$/.test(name));
  const hash = createHash("sha256");
  for (const file of [...files, ...settings.map((name) => join(root, name))].sort()) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

// engine

/** Says that these packages could not be installed, so that not every start waits for that again. */
const REFUSED = join(root, "native", "build", ".refused-packages");

/** Builds the engine. Where that cannot be, all goes on without: one line says why. Options as for set-up. */
export async function prepareEngine({ strict = false, retry = false, say = console.log }) {
  try {
    let obstacle = engineObstacle();
    if (obstacle?.packages.length > 0) obstacle = installForEngine(obstacle, retry || strict, say);
    if (obstacle) throw new Error(obstacle.reason);
    let changed = false;
    const engine = await buildEngine({
      strict,
      say: (line) => {
        changed = true;
        say(`set-up: ${line}`);
      },
    });
    // In a process of its own: it starts threads, and might not suit this processor.
    const loads = changed ? run(process.execPath, ["-e", "require(process.argv[1])", engine]) : { status: 0 };
    if (loads.status !== 0) throw new Error(`it does not load: ${lastLine(loads.stderr) || loads.signal}`);
  } catch (error) {
    if (strict) throw new Error(`the engine is not built: ${error.message}`);
    const [first, ...more] = error.message.split("\n");
    const cause = more.find((line) => line.includes("error")) ?? more[0];
    say(`set-up: the engine is not built, wasm computes instead: ${first}${cause ? ` ${cause}` : ""}`);
  }
}

/** What still stands in the way after an attempt to install what is missing. */
function installForEngine({ reason, packages }, retry, say) {
  const { apt, sudo, obstacle } = installer();
  const command = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  const install = ENGINE_NEEDS.filter((name) => packages.includes(name));
  if (obstacle) return { reason: `${reason} and ${obstacle} (on Debian, as root: ${command})` };
  if (!retry && existsSync(REFUSED)) {
    return { reason: `${reason} and could not be installed (npm run setup tries again)` };
  }
  const failure = aptInstall({ install, apt, sudo }, say);
  if (!failure) {
    rmSync(REFUSED, { force: true });
    return engineObstacle();
  }
  mkdirSync(dirname(REFUSED), { recursive: true });
  writeFileSync(REFUSED, `${install.join(" ")}\n`);
  return { reason: failure };
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const given = process.argv.slice(2);
    const unknown = given.filter((argument) => argument !== "--test" && argument !== "--strict");
    if (unknown.length > 0) {
      throw Object.assign(new Error(`set-up: expected nothing, --test or --strict, got ${unknown[0]}`), {
        exitCode: 2,
      });
    }
    await setup({ want: given.includes("--test") ? ["test"] : [], strict: given.includes("--strict"), retry: true });
    console.log("set-up: ready");
  });
}
