// Builds the engine in native/ with a C++ compiler and oneDNN: native/build/engine.node. Only what changed is compiled
// again. The headers of Node's C interface come from the package node-api-headers.
//
//   node scripts/native.mjs [--strict] [--sanitize]
//
// --strict     warnings are errors
// --sanitize   with address and undefined-behaviour sanitizers, into native/build-sanitize
//
// CXX names another compiler than g++.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { filesBelow, isMain, main, root, run } from "./tools.mjs";

const native = join(root, "native");
const compiler = process.env.CXX || "g++";

/** One compilation of each kernel file for each instruction set; the engine picks when it starts. */
const instructionSets =
  process.arch === "x64"
    ? {
        generic: [],
        avx2: ["-mavx2", "-mfma"],
        avx512: ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"],
      }
    : { generic: [] };

/** Results of builds that nobody has used for so long are removed. */
const KEPT_MS = 3_600_000;

/**
 * Why the engine cannot be built here, and the Debian packages that would mend that; nothing where it can.
 * @returns {{reason: string, packages: string[]} | undefined}
 */
export function engineObstacle() {
  if (process.platform !== "linux") {
    return { reason: `it is built for Linux only so far, and this is ${process.platform}`, packages: [] };
  }
  const [compiles, version] = [run(compiler, ["--version"]).status === 0, onednnVersion()];
  if (!compiles && process.env.CXX) return { reason: `CXX is ${compiler}, which does not run`, packages: [] };
  // Without a compiler nobody can say where it would look for headers.
  const header = compiles ? version !== undefined : existsSync("/usr/include/dnnl.hpp");
  const packages = [...(compiles ? [] : ["g++"]), ...(header ? [] : ["libdnnl-dev"])];
  if (packages.length > 0) {
    return { reason: `${packages.join(" and ")} ${packages.length > 1 ? "are" : "is"} missing`, packages };
  }
  if (!version.startsWith("2.")) return { reason: `it needs oneDNN 2.x, and this is ${version}`, packages: [] };
  return undefined;
}

/** Version of the oneDNN whose headers the compiler finds. */
function onednnVersion() {
  const names = ["MAJOR", "MINOR", "PATCH"].map((part) => `DNNL_VERSION_${part}`);
  const input = `#include <dnnl_version.h>\nversion: ${names.join(" ")}\n`;
  const { status, stdout } = run(compiler, ["-E", "-P", "-x", "c++", "-"], { input, stdio: "pipe" });
  return status === 0 ? /version: (\d+) (\d+) (\d+)/.exec(stdout)?.slice(1).join(".") : undefined;
}

/**
 * Builds what is not up to date. Two builds at the same time do not disturb each other.
 * @param {object} options
 * @param {boolean} [options.strict] warnings are errors
 * @param {boolean} [options.sanitize] with sanitizers, beside the ordinary build
 * @param {(line: string) => void} [options.say] told when there is something to do
 * @returns {Promise<string>} path of the engine
 * Errors: the compiler's own words.
 */
export async function buildEngine({ strict = false, sanitize = false, say = () => {} } = {}) {
  const out = join(native, sanitize ? "build-sanitize" : "build");
  const target = join(out, "engine.node");
  const units = unitsOf(out, sanitize);
  // What was compiled without warnings is marked; an ordinary build may use both.
  const fresh = ({ object }) => existsSync(object) && (!strict || existsSync(`${object}.strict`));
  const stale = units.filter((unit) => !fresh(unit));
  const objects = units.map(({ object }) => object);
  const state = hash(objects);
  const stamp = `${target}.stamp`;
  const linked = existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === state;
  if (stale.length === 0 && linked) return target;
  say(`building the engine (${compiler}, ${stale.length} of ${units.length} files)`);
  mkdirSync(out, { recursive: true });
  const waiting = [...stale];
  const work = async () => {
    for (let unit = waiting.shift(); unit; unit = waiting.shift()) {
      const made = `${unit.object}.${process.pid}`;
      try {
        await compile([...unit.args, ...(strict ? ["-Werror"] : []), "-o", made]);
      } catch (error) {
        waiting.length = 0;
        rmSync(made, { force: true });
        throw error;
      }
      renameSync(made, unit.object);
      if (strict) writeFileSync(`${unit.object}.strict`, "");
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  // A running process may have the old one open: the new one takes its name at the end.
  const made = `${target}.${process.pid}`;
  const link = ["-shared", "-pthread", ...(sanitize ? ["-fsanitize=address,undefined"] : []), ...objects, "-ldnnl"];
  await compile([...link, "-o", made]);
  renameSync(made, target);
  writeFileSync(stamp, state);
  removeOld(out, objects);
  return target;
}

/** What is compiled: source, object, arguments. An object's name contains all that it depends on. */
function unitsOf(out, sanitize) {
  const headers = dirname(createRequire(import.meta.url).resolve("node-api-headers/package.json"));
  const common = [
    "-std=c++17",
    "-fPIC",
    "-fopenmp-simd",
    "-pthread",
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-Wall",
    "-Wextra",
    ...(sanitize
      ? ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
      : ["-O3"]),
    `-I${join(headers, "include")}`,
    "-DNAPI_VERSION=8",
  ];
  const tools = [run(compiler, ["--version"]).stdout ?? "", onednnVersion() ?? ""];
  const sources = filesBelow(native, /\.cpp$/).filter((path) => !path.startsWith(join(native, "build")));
  return sources.sort().flatMap((source) => {
    const folder = basename(dirname(source));
    const variants = folder === "kernels" ? Object.entries(instructionSets) : [["", []]];
    const text = withIncludes(source).map((path) => readFileSync(path));
    return variants.map(([set, flags]) => {
      const args = [...common, ...flags, ...(set ? [`-DMS_ISA=${set}`] : []), "-c", source];
      const name = [folder, basename(source, ".cpp"), ...(set ? [set] : [])].join("-");
      return { object: join(out, `${name}.${hash([...tools, ...args, ...text]).slice(0, 16)}.o`), args };
    });
  });
}

/** A source and the files of ours that it includes, directly or not. */
function withIncludes(path, found = new Set()) {
  if (found.has(path) || !existsSync(path)) return [...found];
  found.add(path);
  for (const [, name] of readFileSync(path, "utf8").matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
    withIncludes(resolve(dirname(path), name), found);
  }
  return [...found];
}

function removeOld(out, objects) {
  const current = new Set(objects.flatMap((object) => [basename(object), `${basename(object)}.strict`]));
  for (const name of readdirSync(out)) {
    if (current.has(name) || name === "engine.node" || name === "engine.node.stamp") continue;
    const path = join(out, name);
    try {
      if (Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path);
    } catch {
      // Another build was faster.
    }
  }
}

function hash(parts) {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part).update("\0");
  return sum.digest("hex");
}

function compile(args) {
  return new Promise((done, fail) => {
    const child = spawn(compiler, args, { stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      errors += text;
    });
    child.on("error", fail);
    child.on("close", (status) => {
      if (status !== 0) fail(new Error(`${compiler} failed:\n${errors.trim()}`));
      else {
        if (errors) process.stderr.write(errors);
        done();
      }
    });
  });
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const known = ["--strict", "--sanitize"];
    const unknown = process.argv.slice(2).filter((argument) => !known.includes(argument));
    if (unknown.length > 0) {
      throw Object.assign(new Error(`native: expected ${known.join(" or ")}, got ${unknown[0]}`), { exitCode: 2 });
    }
    const obstacle = engineObstacle();
    if (obstacle) throw new Error(`the engine cannot be built: ${obstacle.reason}`);
    const options = { strict: process.argv.includes("--strict"), sanitize: process.argv.includes("--sanitize") };
    console.log(`native: ready, ${await buildEngine({ ...options, say: (line) => console.log(`native: ${line}`) })}`);
  });
}
