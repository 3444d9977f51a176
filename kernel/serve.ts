/** `npm run notebook`: a Jupyter server on this machine alone, with a token. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { installOwnKernel } from "./install.js";
import { jupyterEnv, projectRoot } from "./paths.js";
import { findPython } from "./python.js";
import { DISPLAY_NAME } from "./spec.js";

export interface Server {
  /** Address with the token. */
  url: string;
  /** Resolves with the exit status when the server has ended. */
  ended: Promise<number>;
  stop(): void;
}

/** Starts the server and waits until it answers for itself; Jupyter picks a free port. */
export async function startServer({ browser = false }: { browser?: boolean } = {}): Promise<Server> {
  const python = findPython(["notebook"]);
  installOwnKernel();
  // Private folder (mode 0700): the file in it that names the server carries the token.
  const runtime = mkdtempSync(join(tmpdir(), "ms-rnn-jupyter-"));
  const start = existsSync(join(projectRoot, "notebooks")) ? "/tree/notebooks" : "/tree";
  const options = ["--ip=127.0.0.1", `--notebook-dir=${projectRoot}`, `--NotebookApp.default_url=${start}`, "-y"];
  if (!browser) options.push("--no-browser");
  if (process.getuid?.() === 0) options.push("--allow-root");
  const child = spawn(python, ["-m", "notebook", ...options], {
    cwd: projectRoot,
    env: { ...jupyterEnv(), JUPYTER_RUNTIME_DIR: runtime, JUPYTER_TOKEN: randomBytes(24).toString("hex") },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-4000);
  });
  const ended = new Promise<number>((done) => {
    child.on("error", () => done(1));
    child.on("close", (status) => {
      rmSync(runtime, { recursive: true, force: true });
      done(status ?? 1);
    });
  });
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const stop = (): void => void child.kill("SIGTERM");
  for (let waited = 0; waited < 30_000 && !over; waited += 100) {
    const found = readServerFile(runtime);
    if (found) {
      if (found.token) return { url: `${found.url}?token=${found.token}`, ended, stop };
      stop();
      throw new Error("Jupyter's configuration switches its token off; ms-rnn does not serve notebooks without one");
    }
    await sleep(100);
  }
  stop();
  throw new Error(`the notebook server did not start: ${log.trim().split("\n").at(-1) ?? "no message"}`);
}

function readServerFile(folder: string): { url: string; token: string } | undefined {
  const name = existsSync(folder)
    ? readdirSync(folder).find((file) => /^(nb|jp)server-\d+\.json$/.test(file))
    : undefined;
  if (name === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(join(folder, name), "utf8"));
  } catch {
    // It is still being written.
    return undefined;
  }
}

/** Runs the server until Ctrl-C; returns the exit status. */
export async function serve(): Promise<number> {
  const browser = Boolean(process.stdout.isTTY && (process.env.DISPLAY || process.env.WAYLAND_DISPLAY));
  const server = await startServer({ browser });
  console.log(`Notebooks: ${server.url}`);
  console.log(`Kernel: ${DISPLAY_NAME}. This address works on this machine only. Stop with Ctrl-C.`);
  let asked = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      asked = true;
      server.stop();
    });
  }
  const status = await server.ended;
  return asked ? 0 : status;
}
