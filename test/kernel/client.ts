/** A Jupyter client for tests: starts the kernel process and talks to it over ZeroMQ. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dealer, Subscriber } from "zeromq";
import { projectRoot } from "#kernel/paths";
import { answer, type Content, decode, encode, type Message } from "#kernel/wire";

export interface Reply {
  reply: Content;
  /** What came on the iopub channel for this request, without status messages. */
  outputs: { type: string; content: Content }[];
}

export interface Client {
  process: ChildProcess;
  request(type: string, content: Content): Promise<Reply>;
  execute(code: string, options?: Content): Promise<Reply>;
  /** Sends frames as they are to the shell channel. */
  raw(frames: (string | Buffer)[]): Promise<void>;
  /** What the kernel wrote to its own standard error. */
  log(): string;
  stop(): Promise<void>;
}

const signature = { key: "a key for tests", scheme: "hmac-sha256" };

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((done) => server.listen(0, "127.0.0.1", () => done(server)));
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

export async function startClient(cwd = tmpdir()): Promise<Client> {
  const folder = mkdtempSync(join(tmpdir(), "ms-rnn-client-"));
  const [shellPort, iopubPort, stdinPort, controlPort, hbPort] = await freePorts(5);
  const file = join(folder, "connection.json");
  const connection = {
    transport: "tcp",
    ip: "127.0.0.1",
    key: signature.key,
    signature_scheme: signature.scheme,
    shell_port: shellPort,
    iopub_port: iopubPort,
    stdin_port: stdinPort,
    control_port: controlPort,
    hb_port: hbPort,
  };
  writeFileSync(file, JSON.stringify(connection));
  const child = spawn(process.execPath, [join(projectRoot, "dist", "kernel", "main.js"), file], {
    cwd,
    stdio: ["ignore", "inherit", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const shell = new Dealer({ linger: 0 });
  shell.connect(`tcp://127.0.0.1:${shellPort}`);
  const iopub = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  iopub.connect(`tcp://127.0.0.1:${iopubPort}`);
  iopub.subscribe();

  const waiting = new Map<
    string,
    { outputs: Reply["outputs"]; reply?: Content; idle: boolean; done(r: Reply): void }
  >();
  const settle = (id: string): void => {
    const entry = waiting.get(id);
    if (!entry?.idle || !entry.reply) return;
    waiting.delete(id);
    entry.done({ reply: entry.reply, outputs: entry.outputs });
  };
  const listen = async (socket: Dealer | Subscriber, take: (message: Message, id: string) => void): Promise<void> => {
    for await (const frames of socket) {
      const message = decode(frames, signature);
      take(message, message.parent.msg_id ?? "");
    }
  };
  void listen(shell, (message, id) => {
    const entry = waiting.get(id);
    if (entry) entry.reply = message.content;
    settle(id);
  });
  void listen(iopub, ({ header, content }, id) => {
    const entry = waiting.get(id);
    if (!entry) return;
    if (header.msg_type !== "status") entry.outputs.push({ type: header.msg_type, content });
    else if (content.execution_state === "idle") entry.idle = true;
    settle(id);
  });

  const request: Client["request"] = (type, content) => {
    const message = answer(undefined, type, content);
    return new Promise((done, fail) => {
      const late = setTimeout(
        () => fail(new Error(`no full answer to ${type} within 20 s; the kernel says: ${log}`)),
        20_000,
      );
      late.unref();
      waiting.set(message.header.msg_id, {
        outputs: [],
        idle: false,
        done(result) {
          clearTimeout(late);
          done(result);
        },
      });
      shell.send(encode(message, signature)).catch(fail);
    });
  };
  // The subscription needs a moment to reach the kernel: ask until an idle status has come back too.
  for (let answered = false; !answered; ) {
    const ready = request("kernel_info_request", {}).then(
      () => true,
      () => false,
    );
    answered = await Promise.race([ready, new Promise<boolean>((done) => setTimeout(() => done(false), 1000))]);
    if (child.exitCode !== null) throw new Error(`the kernel ended: ${log}`);
  }
  return {
    process: child,
    request,
    execute: (code, options = {}) => request("execute_request", { code, silent: false, ...options }),
    raw: (frames) => shell.send(frames),
    log: () => log,
    async stop() {
      const ended = new Promise((done) => child.once("exit", done));
      if (child.exitCode === null) {
        // A kernel that no longer listens is ended, so that a failing test does not wait for it.
        const hang = setTimeout(() => child.kill("SIGKILL"), 5000);
        request("shutdown_request", { restart: false }).catch(() => undefined);
        await ended;
        clearTimeout(hang);
      }
      shell.close();
      iopub.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
