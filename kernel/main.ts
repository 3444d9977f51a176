/** Entry of the kernel process: `node main.js CONNECTION_FILE`, started by Jupyter. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./paths.js";
import { checkTslab } from "./spec.js";

async function main(): Promise<void> {
  checkTslab();
  // tslab finds modules and types from the current directory, wherever the notebook lies.
  process.chdir(projectRoot);
  // Only after the version check: these files import tslab's insides.
  const { freezeFiles, resolveOwnName } = await import("./resolve.js");
  const { createCells } = await import("./cells.js");
  const { createOutput } = await import("./output.js");
  const { createProtocol } = await import("./protocol.js");
  const { openTransport, readConnection } = await import("./transport.js");
  const connection = readConnection(process.argv[2]);
  const { name } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as { name: string };
  freezeFiles();
  resolveOwnName(projectRoot, name);

  let transport: Awaited<ReturnType<typeof openTransport>> | undefined;
  const output = createOutput(() => transport);
  // A promise nobody waits for must not end the session; its error goes to the cell that started it.
  process.on("uncaughtException", (error) => console.error("Uncaught", error));
  process.on("unhandledRejection", (reason) => console.error("Unhandled rejection:", reason));
  const cells = createCells();
  const exit = (): void => {
    transport?.close();
    cells.close();
    // Code of a cell may still hold timers; sockets need a moment to send their last messages.
    setTimeout(() => process.exit(0), 100);
  };
  transport = await openTransport(connection, createProtocol({ cells, output, transport: () => transport, exit }));
  transport.publish("status", { execution_state: "starting" });
  process.on("SIGTERM", exit);
  exitWithParent(exit);
}

/** A Jupyter that was killed cannot shut its kernels down. */
function exitWithParent(exit: () => void): void {
  if (!process.env.JPY_PARENT_PID) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) exit();
  }, 2000).unref();
}

main().catch((error: Error) => {
  process.stderr.write(`ms-rnn kernel: ${error.message}\n`);
  process.exit(1);
});
