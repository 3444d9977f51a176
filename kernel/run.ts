/** Runs a notebook from top to bottom in our kernel, with what it prints shown while it runs. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { installOwnKernel } from "./install.js";
import { parseObject } from "./json.js";
import { jupyterEnv, projectRoot } from "./paths.js";
import { findPython } from "./python.js";

export interface RunOptions {
  /** Where the executed notebook goes. Never the notebook itself. */
  out: string;
  /** Limit for the whole notebook. Default: 1800. */
  timeoutSeconds?: number;
  /** Values that the notebook reads from MS_RNN_PARAMETERS. Default: none. */
  parameters?: Record<string, unknown>;
  /** Called with every line of output and every progress report. Default: `terminalLines(process.stdout)`. */
  onLine?: (text: string, kind: "line" | "progress") => void;
}

export interface RunResult {
  ok: boolean;
  /** One line: which cell failed, and how. */
  error?: string;
  out: string;
}

type Event = { kind: "line" | "progress"; text: string } | { kind: "error"; cell: number; text: string };

export async function runNotebook(path: string, options: RunOptions): Promise<RunResult> {
  const source = resolve(path);
  const out = resolve(options.out);
  const { timeoutSeconds = 1800, parameters = {}, onLine = terminalLines(process.stdout) } = options;
  if (!existsSync(source)) throw new Error(`notebook not found: ${source}`);
  if (out === source || (existsSync(out) && realpathSync(out) === realpathSync(source))) {
    throw new Error(`the executed notebook would overwrite its source ${source}: choose another path for out`);
  }
  if (!(timeoutSeconds > 0)) throw new Error(`timeoutSeconds should be positive, got ${timeoutSeconds}`);
  mkdirSync(dirname(out), { recursive: true });
  installOwnKernel();
  const python = findPython(["nbclient", "nbformat", "jupyter_client"]);
  const script = join(projectRoot, "kernel", "run_notebook.py");
  const child = spawn(python, [script, source, out, String(timeoutSeconds), projectRoot], {
    env: { ...jupyterEnv(), MS_RNN_PARAMETERS: JSON.stringify({ ...userParameters(), ...parameters }) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let failure: string | undefined;
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-4000);
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const event = JSON.parse(line) as Event;
    if (event.kind === "error") failure = `cell ${event.cell}: ${event.text}`;
    else onLine(event.text, event.kind);
  });
  const status = await new Promise<number | null>((done, fail) => {
    child.on("error", fail);
    child.on("close", done);
  });
  if (status === 0) return { ok: true, out };
  const last = complaints.trim().split("\n").at(-1);
  return {
    ok: false,
    out,
    error: `${relative(process.cwd(), source)}: ${failure ?? (last || `exit status ${status}`)}`,
  };
}

/** What the user set for all notebooks. */
function userParameters(): Record<string, unknown> {
  const text = process.env.MS_RNN_PARAMETERS ?? "{}";
  const value = parseObject(text);
  if (!value) throw new Error(`MS_RNN_PARAMETERS is ${text}, expected a JSON object`);
  return value;
}

/**
 * Writes lines to a terminal. Progress rewrites its own line; where the output is no terminal, it becomes a plain line
 * at most every `everyMs` milliseconds.
 */
export function terminalLines(
  stream: { isTTY?: boolean; columns?: number; write(text: string): unknown },
  everyMs = 5000,
  now: () => number = Date.now,
): (text: string, kind: "line" | "progress") => void {
  let pending = false;
  let last = Number.NEGATIVE_INFINITY;
  return (text, kind) => {
    if (kind === "line") {
      stream.write(`${pending ? "\n" : ""}${text}\n`);
      pending = false;
    } else if (stream.isTTY) {
      stream.write(`\r\x1b[2K${text.replace(/\s*\n\s*/g, " ").slice(0, (stream.columns ?? 80) - 1)}`);
      pending = true;
    } else if (now() - last >= everyMs) {
      last = now();
      stream.write(`${text}\n`);
    }
  };
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { out: { type: "string" }, timeout: { type: "string" }, parameters: { type: "string" } },
  });
  if (positionals.length !== 1 || values.out === undefined) {
    throw new Error("expected NOTEBOOK --out FILE [--timeout SECONDS] [--parameters JSON]");
  }
  const { ok, error, out } = await runNotebook(positionals[0], {
    out: values.out,
    timeoutSeconds: values.timeout === undefined ? undefined : Number(values.timeout),
    parameters: values.parameters === undefined ? undefined : JSON.parse(values.parameters),
  });
  if (!ok) throw new Error(`${error} (executed so far: ${out})`);
  console.log(`executed notebook: ${out}`);
}

if (require.main === module) {
  main().catch((error: Error) => {
    console.error(`ms-rnn: ${error.message}`);
    process.exit(1);
  });
}
