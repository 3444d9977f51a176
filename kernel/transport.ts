/** The five sockets of a kernel. tslab's server is not used: it believes messages before it has checked them. */
import { readFileSync } from "node:fs";
import { Publisher, Reply, Router } from "zeromq";
import { answer, type Content, decode, encode, type Message, type Signature } from "./wire.js";

export interface Connection extends Signature {
  transport: string;
  ip: string;
  ports: Record<"shell" | "iopub" | "stdin" | "control" | "hb", number>;
}

export type Channel = "shell" | "control";

export interface Transport {
  /** Sends a reply on the channel the request came from. */
  reply(channel: Channel, request: Message, type: string, content: Content): void;
  /** Tells every client. */
  publish(type: string, content: Content, parent?: Message, metadata?: Content): void;
  close(): void;
}

export interface Listener {
  request(channel: Channel, message: Message): void;
  /** A message that could not be read; it is dropped. */
  malformed(reason: string): void;
}

export function readConnection(path: string | undefined): Connection {
  if (path === undefined) throw new Error("expected the path of a Jupyter connection file as the only argument");
  let file: Record<string, unknown>;
  try {
    file = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`cannot read the connection file ${path}: ${(error as Error).message}`);
  }
  const port = (name: string): number => {
    const value = file[`${name}_port`];
    if (!Number.isInteger(value)) throw new Error(`${name}_port in ${path} should be a port number, got ${value}`);
    return value as number;
  };
  const text = (name: string, fallback?: string): string => {
    const value = file[name] ?? fallback;
    if (typeof value !== "string") throw new Error(`${name} in ${path} should be a string, got ${value}`);
    return value;
  };
  return {
    transport: text("transport", "tcp"),
    ip: text("ip"),
    key: text("key"),
    scheme: text("signature_scheme", "hmac-sha256"),
    ports: {
      shell: port("shell"),
      iopub: port("iopub"),
      stdin: port("stdin"),
      control: port("control"),
      hb: port("hb"),
    },
  };
}

/** Binds exactly what the connection file names, and hands every readable request to the listener. */
export async function openTransport(connection: Connection, listener: Listener): Promise<Transport> {
  // A send time-out of 0 makes every send immediate. Otherwise zeromq lets 512 messages through per turn of the event
  // loop and then throws "busy": a cell that prints in a plain loop would fail. No high-water mark: nothing is dropped.
  const options = { sendHighWaterMark: 0, receiveHighWaterMark: 0, sendTimeout: 0, linger: 1000 };
  const iopub = new Publisher({ sendHighWaterMark: 0, sendTimeout: 0, linger: 1000 });
  const routers = { shell: new Router(options), control: new Router(options) };
  const stdin = new Router({ linger: 0 });
  const hb = new Reply({ linger: 0 });
  const address = (name: keyof Connection["ports"]): string => {
    const separator = connection.transport === "ipc" ? "-" : ":";
    return `${connection.transport}://${connection.ip}${separator}${connection.ports[name]}`;
  };
  await Promise.all([
    iopub.bind(address("iopub")),
    routers.shell.bind(address("shell")),
    routers.control.bind(address("control")),
    stdin.bind(address("stdin")),
    hb.bind(address("hb")),
  ]);
  const sockets = [iopub, routers.shell, routers.control, stdin, hb];
  for (const channel of ["shell", "control"] as const) void receive(routers[channel], channel);
  void echo();

  async function receive(socket: Router, channel: Channel): Promise<void> {
    for await (const frames of socket) {
      let message: Message;
      try {
        message = decode(frames, connection);
      } catch (error) {
        listener.malformed((error as Error).message);
        continue;
      }
      listener.request(channel, message);
    }
  }

  async function echo(): Promise<void> {
    for await (const frames of hb) await hb.send(frames).catch(() => undefined);
  }

  return {
    reply(channel, request, type, content) {
      const frames = encode(answer(request, type, content), connection);
      // A client that has gone away is no reason to stop.
      if (!routers[channel].closed) routers[channel].send(frames).catch(() => undefined);
    },
    publish(type, content, parent, metadata) {
      const topic = [Buffer.from(type)];
      if (!iopub.closed) {
        iopub.send(encode(answer(parent, type, content, metadata), connection, topic)).catch(() => undefined);
      }
    },
    close() {
      for (const socket of sockets) socket.close();
    },
  };
}
