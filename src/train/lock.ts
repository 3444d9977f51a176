import { createHash } from "node:crypto";
import { realpathSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cannotWrite } from "../files";
import { UserError } from "../types";

/** Milliseconds that the holder, who may be in the middle of a step, has to tell its process. */
const PATIENCE = 5_000;

/**
 * Keeps a run folder to this process until `release` is called or the process ends, in whatever way: the lock is a socket that
 * listens, which the system closes with its process. It holds among the processes of one machine, or of one container, not
 * between machines that share a disk.
 *
 * @param addresses of the socket; the first one that the system grants is taken
 * Errors: no such folder; another training, of this process or of the one that is named, has it.
 */
export async function lockRun(folder: string, addresses = lockAddresses(folder)): Promise<() => void> {
  let refusal: unknown;
  for (const address of addresses) {
    try {
      const server = await hold(address, folder);
      return () => void server.close();
    } catch (error) {
      if (error instanceof UserError) throw error;
      refusal = error;
    }
  }
  throw cannotWrite(folder, refusal as NodeJS.ErrnoException, "lock");
}

/**
 * Linux: a name outside of the file system, of all the 108 bytes there are, because versions of Node.js differ in how they fill
 * up a shorter one. Windows: a pipe. Elsewhere: a file among the temporary ones. All say the same for each spelling of a folder.
 */
export function lockAddresses(folder: string): string[] {
  const name = `ms-rnn-${createHash("sha512").update(realPath(folder)).digest("hex")}`;
  if (process.platform === "win32") return [`\\\\.\\pipe\\${name}`];
  const file = join(tmpdir(), name.slice(0, 40));
  return process.platform === "linux" ? [`\0${name}`.slice(0, 108), file] : [file];
}

function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch (error) {
    throw cannotWrite(folder, error as NodeJS.ErrnoException, "lock");
  }
}

async function hold(address: string, folder: string): Promise<Server> {
  const server = await listen(address);
  if (server) return server;
  const holder = await ask(address);
  if (holder === undefined) {
    // The file of a socket outlives a process that was killed. Others vanish, perhaps just now.
    if (!/^(\0|\\)/.test(address)) rmSync(address, { force: true });
    const second = await listen(address);
    if (second) return second;
  }
  throw new UserError(
    `${folder}: ${holder ?? "another process"} is training into this folder; wait for its end, or choose another folder`,
  );
}

/** Nothing where the address is taken. It tells the process to everybody who connects, and keeps no process alive. */
function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(String(process.pid), () => socket.destroy());
    });
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(address, () => resolve(server.unref()));
  });
}

/** Who listens; nothing where nobody does. */
function ask(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let pid = "";
    const socket = connect(address);
    socket.setTimeout(PATIENCE, () => socket.destroy());
    socket.on("data", (bytes) => {
      pid += bytes;
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(/ECONNREFUSED|ENOENT/.test(code ?? "") ? undefined : "another process"),
    );
    socket.once("close", () => resolve(/^\d+$/.test(pid) ? `process ${pid}` : "another process"));
  });
}
