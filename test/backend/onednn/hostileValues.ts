import type { Buffer, Native } from "#src/backend/onednn/native";
import type { Random } from "#src/random";
import type { Argument } from "./validCalls";

/** What an argument should be, as far as the function's errors tell. */
export type Kind = "buffer" | "number" | "buffers" | "numbers" | "text" | "flag" | "floats";

export type Values = Record<Kind, () => unknown> & { garbage: () => unknown };

const SIZES = [1, 2, 15, 16, 17, 64, 4096, 1 << 16];
const SMALL = [0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 8, 16, 17, 32, 48, 64];
const STRANGE = [-1, -2, 0.5, -0, NaN, Infinity, -Infinity, 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32].concat(
  [2 ** 40, 2 ** 40 + 1, 2 ** 53, 2 ** 63, 2 ** 64, 1e308, -(2 ** 31), -(2 ** 53), -1e308],
);
const WORDS = ["", "add", "mul", "sum", "max", "relu", "tanh", "forward", "constructor", "%s%n", "\0", "\ud800"].concat(
  ["x".repeat(100_000)],
);

const thrower = () => {
  throw new Error("thrown by an argument");
};
const HOSTILE: (() => unknown)[] = [
  () => undefined,
  () => null,
  () => Symbol("hostile"),
  () => 2n ** 70n,
  () => ({}),
  () => ({ valueOf: thrower, toString: thrower }),
  () => ({ length: 3, 0: 1, 1: 2, 2: 3 }),
  () => new Proxy([], { get: thrower, has: thrower, ownKeys: thrower }),
  () => Object.defineProperty([1, 2, 3, 4], 1, { get: thrower }),
  () => new Array(100_000),
  () => new Array(2 ** 32 - 1),
  () => [[1], [2]],
  () => thrower,
  () => new Date(NaN),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(16),
  () => new Float64Array(4),
  () => new Int32Array(4),
  () => new BigInt64Array(2),
  () => structuredCloneAway(new Float32Array(8)),
  () => new Float32Array(new SharedArrayBuffer(16)),
  () => new Float32Array(0),
  () => Promise.resolve(1),
  () => new Number(1),
  () => Object.create(null),
];

/** An array whose memory has been taken away. */
function structuredCloneAway(values: Float32Array): Float32Array {
  structuredClone(values, { transfer: [values.buffer as ArrayBuffer] });
  return values;
}

/** Makes arguments by chance: mostly of the right kind, with sizes that seldom fit together. */
export function hostileValues(
  native: Native,
  random: Random,
  live: readonly Buffer[],
  dead: readonly Buffer[],
): Values {
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)];
  const list = <T>(make: () => T): T[] => Array.from({ length: Math.floor(random() * 7) }, make);
  const values: Values = {
    buffer: () => (random() < 0.95 ? one(live) : one(dead)),
    number: () => (random() < 0.9 ? one(SMALL) : one(STRANGE)),
    buffers: () => list(() => values.buffer()),
    numbers: () => list(() => values.number()),
    text: () => one(WORDS),
    flag: () => random() < 0.5,
    floats: () => new Float32Array(one(SIZES)),
    garbage: () => {
      const kinds: (() => unknown)[] = [
        values.buffer,
        values.number,
        values.buffers,
        values.numbers,
        values.text,
      ].concat([values.flag, values.floats, () => one(STRANGE)] as (() => number)[]);
      // An array that calls the engine while it is read.
      const caller = () => Object.defineProperty([1, 1], 1, { get: () => native.release(native.allocate(1)) });
      return random() < 0.5 ? one(kinds)() : one([...HOSTILE, caller, () => list(() => one(HOSTILE)())])();
    },
  };
  return values;
}

/** Buffers of several sizes, full of numbers, and some that are released. */
export function makeBuffers(native: Native): { live: Buffer[]; dead: Buffer[] } {
  const live = SIZES.flatMap((size) =>
    [0, 1, 2].map((shift) => {
      const buffer = native.allocate(size);
      native.write(
        buffer,
        Float32Array.from({ length: size }, (_, i) => ((i * 7 + shift) % 13) - 6),
      );
      return buffer;
    }),
  );
  const gone = [native.allocate(16), native.allocate(4096)];
  for (const buffer of gone) native.release(buffer);
  return { live, dead: [...gone, 0, 1, 12345, 2 ** 32 - 1] };
}

/**
 * The arguments of a call that was right, with new buffers of the same sizes, and mostly one of them wrong.
 * `made` takes the new buffers.
 */
export function spoil(native: Native, random: Random, values: Values, call: Argument[], made: Buffer[]): unknown[] {
  const wrong = random() < 0.9 ? Math.floor(random() * call.length) : -1;
  const right = (argument: Argument): unknown => {
    if ("list" in argument) return argument.list.map(right);
    if (!("floats" in argument)) return argument.value;
    const buffer = native.allocate(argument.floats);
    made.push(buffer);
    return buffer;
  };
  return call.map((argument, i) => {
    const value = right(argument);
    if (i !== wrong) return value;
    if (random() < 0.1) return values.garbage();
    if ("floats" in argument) return values.buffer();
    if (Array.isArray(value)) {
      const at = Math.floor(random() * value.length);
      const way = random();
      if (way < 0.6)
        value[at] =
          "list" in argument && argument.list[0] && "floats" in argument.list[0] ? values.buffer() : other(value[at]);
      else if (way < 0.8) value.splice(at, 1);
      else value.push(value[at]);
      return value;
    }
    return other(value);
  });

  function other(value: unknown): unknown {
    if (typeof value === "boolean") return !value;
    if (typeof value === "string") return values.text();
    if (typeof value !== "number" || random() < 0.4) return values.number();
    return [value + 1, value - 1, value * 2, -value, value + 16, value * 1000][Math.floor(random() * 6)];
  }
}
