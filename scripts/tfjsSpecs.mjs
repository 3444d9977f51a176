// npm run test:tfjs: tfjs-core's own tests of its operations, run on one of our backends.
//
//   npm run test:tfjs [-- --backend onednn|cpu|wasm] [--filter text]
//
// --backend    default: onednn
// --filter     only the specs whose full names contain the text
//
// The tests are modules that import tfjs-core's files directly. They, our backend and tfjs are joined into one script, in
// which there is one tfjs-core. The engine is loaded while the script runs.
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { setup } from "./setup.mjs";
import { isMain, main, root } from "./tools.mjs";

/**
 * Specs of tfjs 4.22: fewer means that bundling has dropped some. tfjs itself skips five of them on every backend, and
 * defines two more where the backend is called cpu.
 */
const SPECS = { onednn: 4230, cpu: 4232, wasm: 4230 };

const require = createRequire(import.meta.url);

/** Joins tests, backend and tfjs into one script. */
async function bundle(outfile) {
  mkdirSync(join(root, "dist", "test", "tfjs"), { recursive: true });
  await require("esbuild").build({
    entryPoints: [join(root, "test", "tfjs", "all.mjs")],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    // The modules, not the CommonJS bundles: a bundle has another tfjs-core inside.
    mainFields: ["module", "main"],
    // tfjs-core says that its tests have no side effects; believed, that would remove them all.
    ignoreAnnotations: true,
    logLevel: "error",
  });
}

/**
 * Runs the specs.
 * @param {object} options
 * @param {string} [options.backend] which backend computes
 * @param {string} [options.filter] part of the full name of those to run
 * @param {(line: string) => void} [options.say]
 * @returns {Promise<{passed: number, failed: {name: string, message: string}[], skipped: number}>}
 */
export async function runSpecs({ backend = "onednn", filter, say = console.log }) {
  const outfile = join(root, "dist", "test", "tfjs", "specs.cjs");
  await bundle(outfile);
  const jasmineRequire = require("jasmine-core");
  const jasmine = jasmineRequire.boot(jasmineRequire);
  const environment = jasmine.getEnv();
  environment.configure({
    random: false,
    ...(filter ? { specFilter: (spec) => spec.getFullName().includes(filter) } : {}),
  });
  // Read by test/tfjs/environment.mjs. The script lies elsewhere than the backends, which look for their binaries from
  // where they lie themselves.
  const wasmFolder = join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist", "/");
  globalThis.tfjsSpecs = { backend, wasmFolder };
  process.env.MS_RNN_ENGINE ??= join(root, "native", "build", "engine.node");
  require(outfile);
  const results = { passed: 0, failed: [], skipped: 0 };
  const fail = (name, expectations) => {
    const message = expectations[0]?.message.split("\n")[0] ?? "";
    results.failed.push({ name, message });
    say(`FAILED  ${name}\n        ${message}`);
  };
  return new Promise((done) => {
    environment.addReporter({
      specDone: ({ status, fullName, failedExpectations }) => {
        if (status === "passed") results.passed++;
        else if (status === "failed") fail(fullName, failedExpectations);
        else results.skipped++;
      },
      // Set-up and clean-up around specs can fail as well.
      suiteDone: ({ fullName, failedExpectations }) => {
        if (failedExpectations.length > 0) fail(`${fullName} (suite)`, failedExpectations);
      },
      jasmineDone: ({ failedExpectations }) => {
        if (failedExpectations.length > 0) fail("(all)", failedExpectations);
        done(results);
      },
    });
    environment.execute();
  });
}

function readOptions() {
  try {
    const { values } = parseArgs({ options: { backend: { type: "string" }, filter: { type: "string" } } });
    const { backend = "onednn", filter } = values;
    if (!Object.hasOwn(SPECS, backend))
      throw new Error(`--backend is ${backend}, expected one of ${Object.keys(SPECS).join(", ")}`);
    return { backend, filter };
  } catch (error) {
    throw Object.assign(new Error(`test:tfjs: ${error.message.split("\n")[0].split(". ")[0]}`), { exitCode: 2 });
  }
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const options = readOptions();
    await setup({ want: ["test"] });
    const began = Date.now();
    const { passed, failed, skipped } = await runSpecs(options);
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    console.log(
      `tfjs-core's specs on ${options.backend}: ${passed} passed, ${failed.length} failed, ${skipped} skipped (${seconds} s)`,
    );
    if (passed + failed.length === 0) throw new Error(`no spec's name contains ${options.filter}`);
    const found = passed + failed.length + skipped;
    if (found < SPECS[options.backend])
      throw new Error(`${found} specs were found, expected ${SPECS[options.backend]}`);
    return failed.length > 0 ? 1 : 0;
  });
}
