import { UserError } from "../types";

/** What a pickle may name. Nothing of it is ever run: each name stands for a function of ours. */
export interface PickleRules {
  /** By `module.name`: what a call with these arguments gives. */
  readonly calls: Readonly<Record<string, (...args: unknown[]) => unknown>>;
  /** By `module.name`: what stands for itself, such as the type of a storage. */
  readonly names: Readonly<Record<string, unknown>>;
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown;
}

/** A name that was allowed and may be called. */
class Callable {
  constructor(readonly call: (...args: unknown[]) => unknown) {}
}

const MARK = Symbol("mark");

/** Most values on the stack and in the memo: a network has some hundred tensors of some ten values. */
const MOST = 1_000_000;

/**
 * Reads a pickle of plain values: dictionaries (as `Map`), lists and tuples (as arrays), texts, numbers, booleans, None (as null),
 * and the calls of `rules`. It is an interpreter of exactly those opcodes; any other opcode or name is refused.
 *
 * Errors: a name or an opcode that is not allowed, with it; a pickle that ends too early or does not add up. `where` names the
 * source.
 */
export function readPickle(bytes: Uint8Array, rules: PickleRules, where: string): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = new TextDecoder("utf-8", { fatal: true });
  const fail = (reason: string) => new UserError(`${where}: ${reason}`);
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let at = 0;

  const take = (count: number): number => {
    if (!(count >= 0 && at + count <= bytes.length)) throw fail(`the pickle ends after ${bytes.length} bytes`);
    at += count;
    return at - count;
  };
  const u8 = () => view.getUint8(take(1));
  const u16 = () => view.getUint16(take(2), true);
  const i32 = () => view.getInt32(take(4), true);
  const u32 = () => view.getUint32(take(4), true);
  const u64 = () => Number(view.getBigUint64(take(8), true));
  const decode = (length: number): string => {
    const from = take(length);
    try {
      return text.decode(bytes.subarray(from, from + length));
    } catch {
      throw fail("a text of the pickle is not UTF-8");
    }
  };
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw fail("a line of the pickle does not end");
    const found = decode(end - at);
    take(1);
    return found;
  };
  /** A whole number of any length, little-endian in two's complement. */
  const long = (length: number): number => {
    if (length > 8) throw fail(`a number of ${length} bytes, expected at most 8`);
    let value = 0n;
    const from = take(length);
    for (let i = 0; i < length; i++) value |= BigInt(bytes[from + i]) << BigInt(8 * i);
    return Number(BigInt.asIntN(8 * length, value));
  };
  const push = (value: unknown): void => {
    if (stack.length >= MOST) throw fail(`more than ${MOST} values`);
    stack.push(value);
  };
  const pop = (): unknown => {
    if (stack.length === 0 || stack[stack.length - 1] === MARK)
      throw fail("the pickle takes a value that is not there");
    return stack.pop();
  };
  const popToMark = (): unknown[] => {
    const from = stack.lastIndexOf(MARK);
    if (from < 0) throw fail("the pickle has no mark where it needs one");
    const values = stack.splice(from);
    return values.slice(1);
  };
  const top = <T>(kind: new (...args: never[]) => T, what: string): T => {
    const value = stack[stack.length - 1];
    if (!(value instanceof kind)) throw fail(`the pickle fills what is no ${what}`);
    return value;
  };
  const setItems = (items: unknown[]): void => {
    const map = top(Map, "dictionary") as Map<unknown, unknown>;
    if (items.length % 2 !== 0) throw fail("a key without a value");
    for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1]);
  };
  const remember = (index: number): void => {
    if (memo.size >= MOST) throw fail(`more than ${MOST} values`);
    const value = pop();
    stack.push(value);
    memo.set(index, value);
  };
  const recall = (index: number): void => {
    if (!memo.has(index)) throw fail(`value ${index} is used before it is there`);
    push(memo.get(index));
  };
  const named = (module: string, name: string): unknown => {
    const full = `${module}.${name}`;
    if (Object.hasOwn(rules.calls, full)) return new Callable(rules.calls[full]);
    if (Object.hasOwn(rules.names, full)) return rules.names[full];
    throw fail(`names ${full.slice(0, 100)}, which may do anything; only tensors in dictionaries are read`);
  };
  const tuple = (count: number): void => {
    const values: unknown[] = [];
    for (let i = 0; i < count; i++) values.unshift(pop());
    push(values);
  };
  const call = (): void => {
    const [args, callee] = [pop(), pop()];
    if (!(callee instanceof Callable) || !Array.isArray(args)) throw fail("the pickle calls what is no function");
    push(callee.call(...args));
  };

  // Opcodes by their byte, in the order of Python's pickletools.
  const opcodes: Readonly<Record<string, () => void>> = {
    "\x80": () => {
      const version = u8();
      if (version > 5) throw fail(`pickle protocol ${version}, expected at most 5`);
    },
    "\x95": () => void take(8),
    "(": () => push(MARK),
    "0": () => void pop(),
    N: () => push(null),
    "\x88": () => push(true),
    "\x89": () => push(false),
    K: () => push(u8()),
    M: () => push(u16()),
    J: () => push(i32()),
    "\x8a": () => push(long(u8())),
    "\x8b": () => push(long(u32())),
    G: () => push(view.getFloat64(take(8), false)),
    X: () => push(decode(u32())),
    "\x8c": () => push(decode(u8())),
    "\x8d": () => push(decode(u64())),
    "]": () => push([]),
    a: () => {
      const value = pop();
      top(Array, "list").push(value);
    },
    e: () => {
      const values = popToMark();
      const list = top(Array, "list");
      for (const value of values) list.push(value);
    },
    ")": () => push([]),
    t: () => push(popToMark()),
    "\x85": () => tuple(1),
    "\x86": () => tuple(2),
    "\x87": () => tuple(3),
    "}": () => push(new Map()),
    s: () => {
      const [value, key] = [pop(), pop()];
      setItems([key, value]);
    },
    u: () => setItems(popToMark()),
    q: () => remember(u8()),
    r: () => remember(u32()),
    "\x94": () => remember(memo.size),
    h: () => recall(u8()),
    j: () => recall(u32()),
    c: () => {
      const module = line();
      push(named(module, line()));
    },
    "\x93": () => {
      const [name, module] = [pop(), pop()];
      push(named(String(module), String(name)));
    },
    R: call,
    // What a dictionary remembers beside its entries, such as PyTorch's _metadata, is no weight.
    b: () => {
      pop();
      top(Map, "dictionary");
    },
    Q: () => push(rules.persistent(pop())),
  };

  for (;;) {
    const opcode = String.fromCharCode(u8());
    if (opcode === ".") return pop();
    if (!Object.hasOwn(opcodes, opcode)) {
      const code = opcode.charCodeAt(0).toString(16).padStart(2, "0");
      throw fail(`pickle opcode 0x${code} at byte ${at - 1} is not read; only tensors in dictionaries are`);
    }
    opcodes[opcode]();
  }
}
