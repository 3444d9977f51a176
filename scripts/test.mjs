// npm test: sets up, then runs every test file with node:test. Arguments are parts of file names to run only those;
// arguments that begin with -- go to node (for example --test-name-pattern=cell).
import { spawn } from "node:child_process";
import { join, relative } from "node:path";
import { setup } from "./setup.mjs";
import { filesBelow, isMain, main, root } from "./tools.mjs";

/** Long: some files train networks or start kernels, on machines of two cores. */
const FILE_TIMEOUT_MS = 600_000;

/** Compiled test files whose source exists: files of removed tests may still lie in dist/. */
export function testFiles(filters = []) {
  const sources = filesBelow(join(root, "test"), /\.test\.ts$/).map((file) => relative(join(root, "test"), file));
  const chosen = sources.filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)));
  return chosen.sort().map((file) => join("dist", "test", file.replace(/\.ts$/, ".js")));
}

function nodeOptions() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const limits = major > 20 || minor >= 11 ? ["--test-concurrency=2", `--test-timeout=${FILE_TIMEOUT_MS}`] : [];
  return ["--test", "--test-reporter=spec", ...limits];
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const given = process.argv.slice(2);
    const filters = given.filter((argument) => !argument.startsWith("--"));
    const options = given.filter((argument) => argument.startsWith("--"));
    await setup({ want: ["test"] });
    const files = testFiles(filters);
    if (files.length === 0)
      throw Object.assign(new Error(`no test file matches ${filters.join(", ")}`), { exitCode: 2 });
    const child = spawn(process.execPath, [...nodeOptions(), ...options, ...files], { cwd: root, stdio: "inherit" });
    return new Promise((done, fail) => {
      child.on("error", fail);
      child.on("close", (status) => done(status ?? 1));
    });
  });
}
