/** Jupyter's wire format: a message as a list of ZeroMQ frames, signed with the connection's key. */
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";

export interface Header {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  date: string;
  version: string;
}

export type Content = Record<string, unknown>;

export interface Message {
  /** Routing prefix of the client; empty for messages we start. */
  identities: Buffer[];
  header: Header;
  parent: Partial<Header>;
  metadata: Content;
  content: Content;
}

export interface Signature {
  key: string;
  /** `hmac-sha256` and the like. */
  scheme: string;
}

const DELIMITER = Buffer.from("<IDS|MSG>");
const PROTOCOL_VERSION = "5.3";
const session = randomUUID();

/** Reads a message; nothing in it is used before its signature has been checked. */
export function decode(frames: Buffer[], signature: Signature): Message {
  const at = frames.findIndex((frame) => frame.equals(DELIMITER));
  if (at < 0) throw new Error("message without the delimiter <IDS|MSG>");
  const parts = frames.slice(at + 2, at + 6);
  if (parts.length < 4) throw new Error(`message with ${parts.length} parts after its signature, expected 4`);
  const given = frames[at + 1];
  const wanted = Buffer.from(sign(parts, signature));
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    throw new Error("message with a bad signature");
  const [header, parent, metadata, content] = parts.map(readObject);
  if (typeof header.msg_type !== "string") throw new Error("message header without msg_type");
  return { identities: frames.slice(0, at), header: header as unknown as Header, parent, metadata, content };
}

/** A message that answers `parent`, or belongs to it. */
export function answer(parent: Message | undefined, type: string, content: Content, metadata: Content = {}): Message {
  return {
    identities: parent?.identities ?? [],
    header: {
      msg_id: randomUUID(),
      msg_type: type,
      session: parent?.header.session ?? session,
      username: parent?.header.username ?? "kernel",
      date: new Date().toISOString(),
      version: PROTOCOL_VERSION,
    },
    parent: parent?.header ?? {},
    metadata,
    content,
  };
}

export function encode(message: Message, signature: Signature, prefix = message.identities): Buffer[] {
  const { header, parent, metadata, content } = message;
  const parts = [header, parent, metadata, content].map((part) => Buffer.from(JSON.stringify(part)));
  return [...prefix, DELIMITER, Buffer.from(sign(parts, signature)), ...parts];
}

/** An empty key means that the connection is not signed. */
function sign(parts: Buffer[], { key, scheme }: Signature): string {
  if (key === "") return "";
  const hash = createHmac(scheme.replace(/^hmac-/, ""), key);
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function readObject(part: Buffer): Content {
  const value: unknown = JSON.parse(part.toString("utf8"));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("message part that is not a JSON object");
  }
  return value as Content;
}
