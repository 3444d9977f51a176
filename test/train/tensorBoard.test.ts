import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { eventWriter } from "#src/train/tensorBoard";
import { UserError } from "#src/types";

const root = mkdtempSync(join(tmpdir(), "tensorBoard-"));
after(() => rmSync(root, { recursive: true }));
const folderOf = (name: string) => {
  mkdirSync(join(root, name));
  return join(root, name);
};

/** CRC-32C bit by bit, as in RFC 3720, masked as in tensorflow/core/lib/hash/crc32c.h. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  crc = ~crc >>> 0;
  return Number((BigInt((crc >>> 15) | (crc << 17)) + 0xa282ead8n) & 0xffffffffn);
}

function records(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const data = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(bytes.readUInt32LE(at + 8), maskedCrc(bytes.subarray(at, at + 8)), "checksum of the length");
    assert.equal(bytes.readUInt32LE(at + 12 + length), maskedCrc(data), "checksum of the data");
    found.push(data);
    at += 16 + length;
  }
  return found;
}

/** Fields of a message by their numbers; a varint as a bigint, all others as bytes. */
function fields(message: Buffer): [number, bigint | Buffer][] {
  const found: [number, bigint | Buffer][] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number) => {
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    assert.ok([0, 1, 2, 5].includes(wireType), `wire type ${wireType}`);
    found.push([
      tag >> 3,
      wireType === 0 ? varint() : take(wireType === 1 ? 8 : wireType === 5 ? 4 : Number(varint())),
    ]);
  }
  return found;
}

/** The events of a file: what is in message Event of event.proto. */
function events(path: string) {
  return records(readFileSync(path)).map((record) => {
    const event = new Map(fields(record));
    const bytes = (field: number) => event.get(field) as Buffer | undefined;
    const values = fields(bytes(5) ?? Buffer.alloc(0)).map(([field, value]) => {
      assert.equal(field, 1);
      const parts = new Map(fields(value as Buffer));
      return [String(parts.get(1)), (parts.get(2) as Buffer).readFloatLE()] as const;
    });
    return {
      wallTime: bytes(1)!.readDoubleLE(),
      step: Number(event.get(2) ?? 0),
      version: bytes(3)?.toString(),
      values: Object.fromEntries(values),
      status: bytes(7) && Number(new Map(fields(bytes(7)!)).get(1)),
    };
  });
}

test("the slow checksum is that of RFC 3720", () => {
  // Appendix B.4: 32 bytes of zeros have 0x8a9136aa.
  const crc = 0x8a9136aa;
  assert.equal(maskedCrc(new Uint8Array(32)), (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
});

test("an event file read by the published format holds every value, its step and its time", () => {
  const writer = eventWriter(folderOf("values"));
  const written: { step: number; values: Record<string, number>; wallTime: number }[] = [
    { step: 1, values: { loss: 0.25, "learning rate": 3e-4 }, wallTime: 1_700_000_000.5 },
    { step: 300, values: { loss: -1.5, Größe: 0 }, wallTime: 1_700_000_001 },
    { step: 2 ** 40 + 5, values: { [`${"long ".repeat(60)}name`]: Number.NaN }, wallTime: 1_700_000_002 },
  ];
  for (const { step, values, wallTime } of written) writer.scalars(step, values, wallTime);
  const before = Date.now() / 1000;
  writer.scalars(7, { now: 1 });
  writer.close();
  const [version, ...rest] = events(writer.path);
  assert.equal(version.version, "brain.Event:2");
  const last = rest.pop()!;
  assert.ok(last.wallTime >= before && last.wallTime <= Date.now() / 1000);
  assert.deepEqual(
    rest.map(({ step, values, wallTime }) => ({ step, values, wallTime })),
    written.map(({ values, ...event }) => ({
      ...event,
      values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Math.fround(value)])),
    })),
  );
});

test("a resumed run begins a file of its own that comes last and takes back the steps after its iteration", () => {
  const folder = folderOf("resumed");
  const first = eventWriter(folder);
  first.scalars(3, { loss: 1 });
  first.close();
  const before = readFileSync(first.path);
  const second = eventWriter(folder, 2);
  second.scalars(3, { loss: 2 });
  second.close();
  assert.deepEqual(readFileSync(first.path), before);
  assert.deepEqual(
    readdirSync(folder)
      .sort()
      .map((name) => join(folder, name)),
    [first.path, second.path],
  );
  assert.match(second.path, /events\.out\.tfevents\.\d{10}\.ms-rnn\.\d+$/);
  const [, start, value] = events(second.path);
  // TensorBoard drops what it has from this step on.
  assert.deepEqual([start.status, start.step], [1, 3]);
  assert.deepEqual([value.step, value.values], [3, { loss: 2 }]);
  assert.equal(events(first.path)[1].status, undefined);
});

test("each call is on the disk at once", () => {
  const writer = eventWriter(folderOf("at once"));
  for (let step = 1; step <= 3; step++) {
    writer.scalars(step, { loss: step });
    assert.equal(events(writer.path).length, step + 1);
  }
  writer.close();
});

test("a folder that is not there is told in one line", () => {
  assert.throws(
    () => eventWriter(join(root, "missing")),
    (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /^cannot write .*missing.*ENOENT/);
      return true;
    },
  );
});

const python = spawnSync("python3", ["-c", "import tensorboard.backend.event_processing"]).status === 0;
test("TensorBoard reads a run that was resumed", { skip: !python && "python3 has no tensorboard" }, () => {
  const folder = folderOf("tensorboard");
  const first = eventWriter(folder);
  for (let step = 1; step <= 5; step++) first.scalars(step, { loss: step });
  const second = eventWriter(folder, 3);
  for (let step = 4; step <= 6; step++) second.scalars(step, { loss: 10 * step });
  const script = join(root, "read.py");
  writeFileSync(
    script,
    "import json, sys\n" +
      "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n" +
      "events = EventAccumulator(sys.argv[1]).Reload()\n" +
      "values = [(e.step, float(e.tensor_proto.float_val[0])) for e in events.Tensors('loss')] if 'loss' in events.Tags()['tensors'] " +
      "else [(e.step, e.value) for e in events.Scalars('loss')]\n" +
      "print(json.dumps(values))\n",
  );
  const { stdout, stderr } = spawnSync("python3", [script, folder], { encoding: "utf8" });
  assert.ok(stdout, stderr);
  assert.deepEqual(JSON.parse(stdout), [
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 40],
    [5, 50],
    [6, 60],
  ]);
});
