// npm start: from a fresh clone to the first forecast. Sets up, runs the notebook in the kernel, prints the scores.
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { setup } from "./setup.mjs";
import { isMain, main, root } from "./tools.mjs";

const TIMEOUT_SECONDS = 1500;

/**
 * Runs a notebook and reports its scores.
 * @param {object} options
 * @param {string} options.notebook path of the notebook
 * @param {string} options.out folder for the executed notebook, the page, and the scores
 * @param {string} options.scores path of the score table the notebook writes, relative to `out`
 * @param {object} [options.parameters] values for the notebook
 */
export async function start({ notebook, out, scores, parameters = {} }) {
  const require = createRequire(import.meta.url);
  const { runNotebook } = require(join(root, "dist", "kernel", "run.js"));
  const { notebookToHtml } = require(join(root, "dist", "kernel", "html.js"));
  const name = basename(notebook, ".ipynb");
  const began = Date.now();
  // The notebook writes below the same folder.
  process.env.MS_RNN_OUT = out;
  console.log(`running ${name}${parameters.quick ? " (quick)" : ""}`);
  const run = await runNotebook(notebook, {
    out: join(out, `${name}.ipynb`),
    timeoutSeconds: TIMEOUT_SECONDS,
    parameters,
  });
  if (!run.ok) throw new Error(`${run.error} (executed so far: ${run.out})`);
  const page = notebookToHtml(run.out, join(out, `${name}.html`));
  const table = join(out, scores);
  // A table of an earlier run is none. File systems may keep whole seconds.
  if (!existsSync(table) || statSync(table).mtimeMs < began - 1000)
    throw new Error(`${notebook} wrote no scores to ${table}`);
  console.log(`\n${readFileSync(table, "utf8").trimEnd()}\n`);
  console.log(`executed notebook: ${run.out}`);
  console.log(`page: ${page}`);
  console.log("open the notebooks in a browser: npm run notebook");
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: { backend: { type: "string" }, quick: { type: "boolean" }, parameters: { type: "string" } },
    });
    const parameters = values.parameters === undefined ? {} : JSON.parse(values.parameters);
    if (typeof parameters !== "object" || parameters === null || Array.isArray(parameters))
      throw new Error(`--parameters is ${values.parameters}, expected a JSON object`);
    const quick = values.quick || process.env.MS_RNN_QUICK === "1";
    return { backend: values.backend, parameters: { ...(quick ? { quick: true } : {}), ...parameters } };
  } catch (error) {
    const message = `${error.message.split("\n")[0].split(". ")[0]}; npm start takes --quick, --backend NAME, --parameters JSON`;
    throw Object.assign(new Error(message), { exitCode: 2 });
  }
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const { backend, parameters } = readOptions();
    await setup();
    if (backend) process.env.MS_RNN_BACKEND = backend;
    await start({
      notebook: join(root, "notebooks", "01-first-forecast.ipynb"),
      // A run that only shows that everything works must not replace results.
      out: resolve(root, process.env.MS_RNN_OUT || (parameters.quick ? "out/quick" : "out")),
      scores: join("first-forecast", "scores.txt"),
      parameters,
    });
  });
}
