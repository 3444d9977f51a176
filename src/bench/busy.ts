import { spawn } from "node:child_process";
import { once } from "node:events";

/** Keeps a core busy, and ends when whoever started it is gone. */
const program = `const { ppid } = process; process.stdout.write("busy\\n"); while (process.ppid === ppid);`;

/** Runs something beside another process that keeps one core busy. */
export async function beside<T>(run: () => Promise<T>): Promise<T> {
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  try {
    await Promise.race([once(child.stdout, "data"), ended]);
    return await run();
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}
