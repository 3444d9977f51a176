// Builds the engine in native/ with a C++ compiler and oneDNN: native/build/engine.node. Only what changed is compiled
// again. Plain Node; the headers of Node's C interface come from the package node-api-headers.
//
//   node scripts/native.mjs [--strict] [--sanitize]
//
// --strict     warnings are errors
// --sanitize   with address and undefined-behaviour sanitizers, into native/build-sanitize
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isMain, main } from "./setup.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
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

/** Why the engine cannot be built here, in words that say what to install; nothing where it can. */
export function engineObstacle() {
  if (process.platform !== "linux") return `the engine is built for Linux only so far, and this is ${process.platform}`;
  const missing = [];
  if (spawnSync(compiler, ["--version"], { stdio: "ignore" }).status !== 0) missing.push("g++");
  const header = ["/usr/include", "/usr/local/include"].some((folder) => existsSync(join(folder, "dnnl.hpp")));
  if (!header) missing.push("libdnnl-dev");
  return missing.length > 0 ? `${missing.join(" and ")} missing` : undefined;
}

/**
 * Builds what is not up to date.
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
  const common = [
    "-std=c++17",
    "-fPIC",
    "-fopenmp",
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-Wall",
    "-Wextra",
    ...(strict ? ["-Werror"] : []),
    ...(sanitize
      ? ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
      : ["-O3"]),
    `-I${join(root, "node_modules", "node-api-headers", "include")}`,
    "-DNAPI_VERSION=8",
  ];
  const headers = hash(sources(/\.h$/).map((path) => readFileSync(path)));
  const units = sources(/\.cpp$/).flatMap((source) => {
    const kernel = basename(dirname(source)) === "kernels";
    const variants = kernel ? Object.entries(instructionSets) : [["", []]];
    return variants.map(([set, flags]) => {
      const name = `${basename(dirname(source))}-${basename(source, ".cpp")}${set && `-${set}`}`;
      const args = [...common, ...flags, ...(set ? [`-DMS_ISA=${set}`] : []), "-c", source];
      return { object: join(out, `${name}.o`), args, state: hash([readFileSync(source), headers, args.join(" ")]) };
    });
  });
  const stale = units.filter(({ object, state }) => !existsSync(object) || stampOf(object) !== state);
  const whole = hash(units.map(({ state }) => state));
  if (stale.length === 0 && existsSync(target) && stampOf(target) === whole) return target;
  say(`building the engine (${compiler}, ${stale.length} of ${units.length} files)`);
  mkdirSync(out, { recursive: true });
  const waiting = [...stale];
  const work = async () => {
    for (let unit = waiting.shift(); unit; unit = waiting.shift()) {
      rmSync(`${unit.object}.stamp`, { force: true });
      await run(compiler, [...unit.args, "-o", unit.object]);
      writeFileSync(`${unit.object}.stamp`, unit.state);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  // A running process may have the old one open: the new one takes its name at the end.
  const fresh = `${target}.${process.pid}`;
  const objects = units.map(({ object }) => object);
  const link = ["-shared", "-fopenmp", ...(sanitize ? ["-fsanitize=address,undefined"] : []), ...objects, "-ldnnl"];
  await run(compiler, [...link, "-o", fresh]);
  renameSync(fresh, target);
  writeFileSync(`${target}.stamp`, whole);
  return target;
}

function sources(name) {
  const skip = /^build/;
  const below = (folder) =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return skip.test(entry.name) ? [] : below(path);
      return name.test(entry.name) ? [path] : [];
    });
  return below(native).sort();
}

const stampOf = (path) => (existsSync(`${path}.stamp`) ? readFileSync(`${path}.stamp`, "utf8") : "");

function hash(parts) {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part).update("\0");
  return sum.digest("hex");
}

function run(command, args) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      errors += text;
    });
    child.on("error", fail);
    child.on("close", (status) => {
      if (status !== 0) fail(new Error(`${command} failed:\n${errors.trim()}`));
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
    if (obstacle) throw new Error(`the engine cannot be built: ${obstacle}`);
    const options = { strict: process.argv.includes("--strict"), sanitize: process.argv.includes("--sanitize") };
    console.log(`native: ready, ${await buildEngine({ ...options, say: (line) => console.log(`native: ${line}`) })}`);
  });
}
