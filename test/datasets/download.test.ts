import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { checkFile, download, type ExpectedFile } from "#src/datasets/download";
import { UserError } from "#src/types";

const content = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * i) % 251));
const hash = (kind: string) => createHash(kind).update(content).digest("hex");

/** What the server does next, and what it was asked. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let asked: IncomingMessage["headers"][] = [];
const server = createServer((request, response) => {
  asked.push(request.headers);
  answer(request, response);
});
const folder = mkdtempSync(join(tmpdir(), "download-"));
const path = join(folder, "deep", "file.bin");
let file: ExpectedFile;

before(async () => {
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.bin`;
  file = { name: "file.bin", url, bytes: content.length, sha256: hash("sha256"), md5: hash("md5") };
});
after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  asked = [];
  rmSync(join(folder, "deep"), { recursive: true, force: true });
  answer = serve('"one"');
});

/** Serves the file as servers do, whose content has this mark; ends after `most` bytes. */
function serve(etag: string, most = Number.POSITIVE_INFINITY, body = content) {
  return ({ headers }: IncomingMessage, response: ServerResponse) => {
    const range = headers["if-range"] === etag ? /bytes=(\d+)-/.exec(headers.range ?? "")?.[1] : undefined;
    const from = Number(range ?? 0);
    const rest = body.subarray(from);
    const more = { ETag: etag, "Content-Length": rest.length };
    if (range === undefined) response.writeHead(200, more);
    else response.writeHead(206, { ...more, "Content-Range": `bytes ${from}-${body.length - 1}/${body.length}` });
    if (most >= rest.length) response.end(rest);
    else response.write(rest.subarray(0, most), () => setTimeout(() => response.destroy(), 50));
  };
}

const whole = () => assert.deepEqual(readFileSync(path), content);
const here = () => (existsSync(join(folder, "deep")) ? readdirSync(join(folder, "deep")) : []);

test("a file comes whole, with progress, and leaves nothing beside it", async () => {
  const seen: number[] = [];
  await download(file, path, { onProgress: (done, total) => seen.push(done / (total as number)) });
  whole();
  assert.equal(seen.at(-1), 1);
  assert.deepEqual(here(), ["file.bin"]);
});

test("an interrupted download goes on where it stopped", async () => {
  answer = serve('"one"', 20_000);
  await assert.rejects(download(file, path), /after 20000 bytes; run it again to go on/);
  assert.deepEqual(here(), ["file.bin.part", "file.bin.part.tag"]);
  answer = serve('"one"');
  await download(file, path);
  whole();
  assert.equal(asked[1].range, "bytes=20000-");
  assert.deepEqual(here(), ["file.bin"]);
});

test("where the server has another file by now, it begins again", async () => {
  answer = serve('"old"', 20_000, Buffer.alloc(50_000, 7));
  await assert.rejects(download(file, path), /run it again/);
  answer = serve('"one"');
  await download(file, path);
  whole();
});

test("another checksum or size is refused with both, and nothing is kept", async () => {
  answer = serve('"one"', undefined, Buffer.alloc(50_000));
  await assert.rejects(
    download(file, path),
    (error: Error) =>
      error instanceof UserError && new RegExp(`expected sha256 ${file.sha256}, got [0-9a-f]{64}`).test(error.message),
  );
  assert.deepEqual(here(), []);
  await assert.rejects(download({ ...file, sha256: undefined }, path), /expected md5 [0-9a-f]{32}, got [0-9a-f]{32}/);
  answer = serve('"one"', undefined, Buffer.alloc(60_000));
  await assert.rejects(download(file, path), /sends more than the expected 50000 bytes/);
  answer = serve('"one"', undefined, content.subarray(1));
  rmSync(join(folder, "deep"), { recursive: true });
  await assert.rejects(download(file, path), /cut off after 49999 of 50000 bytes/);
  assert.ok(!existsSync(path));
});

test("no success, no answer, no address", async () => {
  answer = (_, response) => response.writeHead(404).end();
  await assert.rejects(download(file, path), /answers 404, expected the file/);
  answer = (_, response) => void response.writeHead(200).write("x");
  await assert.rejects(download(file, path, { patience: 200 }), /no answer for 0\.2 s, after 1 bytes/);
  await assert.rejects(download({ name: "x" }, path), /x: no address to download it from/);
  await assert.rejects(download({ name: "x", url: "file:///etc/passwd" }, path), /no address to download it from/);
  await assert.rejects(download({ ...file, url: "http://127.0.0.1:9/" }, path), UserError);
  assert.ok(!existsSync(path));
});

test("files are compared with what is known of them", async () => {
  const own = join(folder, "own.bin");
  writeFileSync(own, content);
  await checkFile(own, file);
  await checkFile(own, { name: "own.bin" });
  await assert.rejects(checkFile(join(folder, "none"), file), /none: expected the file file\.bin, found none/);
  await assert.rejects(checkFile(own, { ...file, bytes: 3 }), /expected 3 bytes, got 50000/);
});
