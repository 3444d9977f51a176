import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peakOf, resetPeak, residentOf } from "#src/bench/memory";
import { type Random, random } from "#src/random";

/** What no file may cost. */
export const LIMITS = { seconds: 2, bytes: 512e6 } as const;

/** Headers lie here as a rule, and half of the changes. */
const HEAD = 256;

type Mutation = (bytes: Buffer, draw: Random) => Buffer;

const below = (draw: Random, end: number) => Math.floor(draw() * end);
const placeIn = (bytes: Buffer, draw: Random) =>
  below(draw, draw() < 0.5 ? Math.min(bytes.length, HEAD) : bytes.length);

/** A part of the bytes, of 1 to 64 of them as far as there are. */
function partOf(bytes: Buffer, draw: Random): [from: number, to: number] {
  const from = placeIn(bytes, draw);
  return [from, Math.min(bytes.length, from + 1 + below(draw, 64))];
}

const extremes = [
  0n,
  1n,
  -1n,
  0x7fn,
  0x80n,
  0x7fffn,
  0x8000n,
  0x7fffffffn,
  0x80000000n,
  0x7fffffffffffffffn,
  -(2n ** 63n),
];

const mutations: Readonly<Record<string, Mutation>> = {
  flip(bytes, draw) {
    for (let left = 1 + below(draw, 8); left > 0; left--) bytes[placeIn(bytes, draw)] ^= 1 << below(draw, 8);
    return bytes;
  },
  cut: (bytes, draw) => bytes.subarray(0, placeIn(bytes, draw)),
  insert(bytes, draw) {
    const at = placeIn(bytes, draw);
    const added = Buffer.from(Array.from({ length: 1 + below(draw, 64) }, () => below(draw, 256)));
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
  },
  duplicate(bytes, draw) {
    const [from, to] = partOf(bytes, draw);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  move(bytes, draw) {
    const [from, to] = partOf(bytes, draw);
    bytes.copy(bytes, placeIn(bytes, draw), from, to);
    return bytes;
  },
  zero: (bytes, draw) => bytes.fill(0, ...partOf(bytes, draw)),
  /** A number of 1 to 8 bytes, of either order, as large or small as it can be. */
  number(bytes, draw) {
    const size = 2 ** below(draw, 4);
    const value = Buffer.alloc(8);
    value.writeBigInt64LE(extremes[below(draw, extremes.length)]);
    const part = value.subarray(0, size);
    if (draw() < 0.5) part.reverse();
    part.copy(bytes, placeIn(bytes, draw));
    return bytes;
  },
  /** The same of a number that is written as text. */
  digits(bytes, draw) {
    const text = bytes.toString("latin1");
    const found = [...text.slice(0, HEAD).matchAll(/\d+/g)];
    if (found.length === 0) return bytes;
    const { index = 0, 0: old } = found[below(draw, found.length)];
    const value = ["0", "-1", "65535", "4294967296", "99999999999999999999", "1e9", "NaN"][below(draw, 7)];
    return Buffer.from(text.slice(0, index) + value + text.slice(index + old.length), "latin1");
  },
};

/** A damaged copy: one to three changes, by `draw`. */
export function mutated(bytes: Uint8Array, draw: Random): Buffer {
  const all = Object.values(mutations);
  let result: Buffer = Buffer.from(bytes);
  for (let left = 1 + below(draw, 3); left > 0 && result.length > 0; left--)
    result = all[below(draw, all.length)](result, draw);
  return result;
}

/** Something that reads files. */
export interface Reader {
  readonly name: string;
  /** Good files, made or real. */
  readonly samples: readonly Uint8Array[];
  /** Ending of their names. Default: the reader's name. */
  readonly ending?: string;
  /** Reads all there is. */
  read(path: string): unknown;
}

export interface Fuzzed {
  readonly read: number;
  readonly refused: number;
  readonly slowest: number;
  /** Most memory the process had above what it had before; nothing where the system does not tell. */
  readonly grown?: number;
}

/**
 * Gives a reader its good files, which it must read, and `count` damaged ones, of which each must be read or refused with one line
 * for the user, in the limits. Errors name the number of the file, which is always the same one.
 */
export async function fuzz({ name, samples, ending = name, read }: Reader, count: number): Promise<Fuzzed> {
  const folder = mkdtempSync(join(tmpdir(), "fuzz-"));
  const path = join(folder, `file.${ending}`);
  try {
    for (const sample of samples) {
      writeFileSync(path, sample);
      await read(path);
    }
    const before = resetPeak(process.pid) ? residentOf(process.pid) : undefined;
    let [refused, slowest] = [0, 0];
    for (let i = 0; i < count; i++) {
      writeFileSync(path, mutated(samples[i % samples.length], random("fuzz", name, i)));
      const attempt = async (): Promise<{ seconds: number; fine: boolean }> => {
        const started = performance.now();
        const seconds = () => (performance.now() - started) / 1000;
        try {
          await read(path);
          return { seconds: seconds(), fine: true };
        } catch (error) {
          const { name: kind, message, stack } = error as Error;
          assert.ok(kind === "UserError" && !message.includes("\n"), `${name}, file ${i}: ${stack}`);
          return { seconds: seconds(), fine: false };
        }
      };
      let { seconds, fine } = await attempt();
      // A busy machine makes one reading slow; a file that keeps a reader does so every time.
      for (let again = 0; again < 2 && seconds >= LIMITS.seconds; again++) ({ seconds, fine } = await attempt());
      if (!fine) refused++;
      assert.ok(seconds < LIMITS.seconds, `${name}, file ${i}: ${seconds} s`);
      slowest = Math.max(slowest, seconds);
    }
    const grown = before === undefined ? undefined : peakOf(process.pid)! - before;
    assert.ok((grown ?? 0) < LIMITS.bytes, `${name}: ${grown} bytes`);
    return { read: count - refused, refused, slowest, grown };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
