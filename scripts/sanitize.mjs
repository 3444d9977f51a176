// npm run test:sanitize: the tests of the engine with an engine that looks for wrong accesses to memory and undefined
// behaviour. A finding ends the test's process and fails the script.
//
//   npm run test:sanitize [-- part of file names ...]
//
// oneDNN and the code it generates, OpenMP and Node itself are not instrumented; calls of memcpy and the like are checked.
import { spawn } from "node:child_process";
import { buildEngine, engineObstacle } from "./native.mjs";
import { setup } from "./setup.mjs";
import { testFiles } from "./test.mjs";
import { isMain, main, root, run } from "./tools.mjs";

/** Parts of the names of test files that call the engine. */
const ENGINE_TESTS = ["backend/onednn/", "ops/"];
const FILE_TIMEOUT_MS = 600_000;

/** The library the sanitizers of this compiler need to be loaded before Node. */
function runtime(name) {
  const path = run(process.env.CXX || "g++", [`-print-file-name=${name}`]).stdout?.trim();
  if (!path?.startsWith("/")) throw new Error(`the compiler has no ${name}`);
  return path;
}

function environment(engine) {
  return {
    ...process.env,
    MS_RNN_ENGINE: engine,
    MS_RNN_BACKEND: "onednn",
    LD_PRELOAD: ["libasan.so", "libubsan.so"].map(runtime).join(" "),
    // Node does not free what it holds when it ends. A request beyond memory is to be refused as it is without sanitizers.
    ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1:halt_on_error=1:abort_on_error=1",
    UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
  };
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const filters = process.argv.slice(2);
    await setup({ want: ["test"] });
    const obstacle = engineObstacle();
    if (obstacle) throw new Error(`the engine cannot be built: ${obstacle.reason}`);
    const engine = await buildEngine({ sanitize: true, say: (line) => console.log(`sanitize: ${line}`) });
    const env = environment(engine);
    // Tests are skipped where there is no engine: one that does not load would look like success.
    const { status, stderr } = run(process.execPath, ["-e", "require(process.argv[1])", engine], { env });
    if (status !== 0) throw new Error(`the engine with sanitizers does not load:\n${stderr.trim()}`);
    const files = testFiles(ENGINE_TESTS).filter(
      (file) => filters.length === 0 || filters.some((part) => file.includes(part)),
    );
    if (files.length === 0)
      throw Object.assign(new Error(`no test file matches ${filters.join(", ")}`), { exitCode: 2 });
    const options = ["--test", "--test-reporter=spec", "--test-concurrency=2", `--test-timeout=${FILE_TIMEOUT_MS}`];
    const child = spawn(process.execPath, [...options, ...files], { cwd: root, env, stdio: "inherit" });
    return new Promise((done, fail) => {
      child.on("error", fail);
      child.on("close", (code) => done(code ?? 1));
    });
  });
}
