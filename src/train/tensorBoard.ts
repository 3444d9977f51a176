import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { buf as crc32c } from "crc-32/crc32c";
import { openToAppend } from "../files";

export interface EventWriter {
  readonly path: string;
  /**
   * Appends the values of one step by their names, in one write.
   * @param wallTime seconds since 1970. Default: now
   * Error: the file cannot be written.
   */
  scalars(step: number, values: Readonly<Record<string, number>>, wallTime?: number): void;
  close(): void;
}

/**
 * Begins a TensorBoard event file in `folder`, beside those that are there: TensorBoard reads them in the order of their names as
 * one run, and this one comes last. Values are float32.
 *
 * Format: records of tensorflow/core/lib/io/record_writer.h, each a message `Event` of tensorflow/core/util/event.proto.
 *
 * @param resumedAt the iteration that a run goes on from: TensorBoard then forgets the values of later ones
 * Error: the file cannot be written.
 */
export function eventWriter(folder: string, resumedAt?: number): EventWriter {
  const path = join(folder, nextName(folder));
  const { append, close } = openToAppend(path, "new");
  const version = record(event(now(), text(EVENT.fileVersion, "brain.Event:2")));
  // TensorBoard drops the values from the step of this message on.
  const start =
    resumedAt !== undefined &&
    record(
      event(
        now(),
        whole(EVENT.step, resumedAt + 1),
        message(EVENT.sessionLog, whole(SESSION_LOG.status, SESSION_LOG.START)),
      ),
    );
  append(Buffer.concat(start ? [version, start] : [version]));
  return {
    path,
    scalars(step, values, wallTime = now()) {
      const summary = Object.entries(values).map(([tag, value]) =>
        message(SUMMARY.value, text(VALUE.tag, tag), float(VALUE.simpleValue, value)),
      );
      append(record(event(wallTime, whole(EVENT.step, step), message(EVENT.summary, ...summary))));
    },
    close,
  };
}

const now = () => Date.now() / 1000;

/** Names sort by their seconds, so a file is a second later than the newest at least, whatever the clock says. */
function nextName(folder: string): string {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const taken = names.map((name) => Number(/^events\.out\.tfevents\.(\d{10})\./.exec(name)?.[1] ?? 0));
  return `events.out.tfevents.${Math.max(Math.floor(now()), ...taken.map((seconds) => seconds + 1))}.ms-rnn.${process.pid}`;
}

/** Length, its checksum, the data, their checksum; little-endian. */
function record(data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length + 4);
  bytes.writeUInt32LE(data.length, 0);
  bytes.writeUInt32LE(masked(bytes.subarray(0, 8)), 8);
  data.copy(bytes, 12);
  bytes.writeUInt32LE(masked(data), 12 + data.length);
  return bytes;
}

/** CRC-32C turned right by 15 bits, plus a constant: checksums of data that hold checksums would be weak. */
function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// Numbers of the fields.
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 };
const SUMMARY = { value: 1 };
const VALUE = { tag: 1, simpleValue: 2 };
const SESSION_LOG = { status: 1, START: 1 };

const key = (field: number, wireType: number) => Buffer.of((field << 3) | wireType);
const text = (field: number, value: string) => message(field, Buffer.from(value));
const event = (wallTime: number, ...fields: Buffer[]) => Buffer.concat([double(EVENT.wallTime, wallTime), ...fields]);

function whole(field: number, value: number): Buffer {
  return Buffer.concat([key(field, 0), varint(value)]);
}

function message(field: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([key(field, 2), varint(content.length), content]);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), bytes]);
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, 5), bytes]);
}

/** Seven bits a byte, the lowest first. By division: whole numbers of JavaScript have up to 53 bits. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.of(...bytes, value);
}
