import fs from "node:fs";
import { resolve } from "node:path";
import { workerData } from "node:worker_threads";
import { UserError } from "../../types";
import type { Hdf5Answer, Hdf5Question } from "./hdf5";
import { type Answer, answerQuestions } from "./timedThread";

/**
 * The thread in which HDF5 files are read. The library is C in WebAssembly, which a damaged file can bring down, fill with
 * rubbish or keep in a loop: then this thread is ended, and nothing else is harmed.
 */
const load = () => import("h5wasm/node");

type Library = Awaited<ReturnType<typeof load>>;
type File = InstanceType<Library["File"]>;
type Group = InstanceType<Library["Group"]>;
type Stored = InstanceType<Library["Dataset"]>;

/** Bytes that one reading gives at most. */
const MOST_BYTES = 2 ** 27;
/** Bytes that the library has at most. */
const MOST_MEMORY = 2 ** 28;

let library: Library;
const files = new Map<string, File>();

/** The answer to each question about an open file. */
const answers = {
  open: () => undefined,
  names(file: File, path: string): string[] {
    const found = at(file, path);
    if (found instanceof library.Group) return found.keys();
    throw new UserError(`${path} is no group`);
  },
  attribute(file: File, path: string, name: string): number | string | undefined {
    const { attrs } = at(file, path);
    const value = Object.hasOwn(attrs, name) ? attrs[name].value : undefined;
    if (value === undefined) return undefined;
    // Many programs write arrays of one entry.
    const isList = Array.isArray(value) || ArrayBuffer.isView(value);
    const [only, ...more] = isList ? (value as Iterable<unknown>) : [value];
    if (typeof only === "string" && more.length === 0) return only;
    if ((typeof only === "number" || typeof only === "bigint") && more.length === 0) return Number(only);
    throw new UserError(`attribute ${name} of ${path} is not one number or text`);
  },
  array(file: File, path: string): readonly number[] {
    const { metadata } = stored(file, path);
    if (metadata.virtual_sources?.length) throw new UserError(`${path} lies in other files, which are not opened`);
    return metadata.shape ?? [];
  },
  read(file: File, path: string, first: number, count: number): ArrayBufferView {
    const found = stored(file, path);
    const { shape, size } = found.metadata;
    const length = shape!.slice(1).reduce((product, side) => product * side, count);
    if (!(length * size <= MOST_BYTES))
      throw new UserError(`${path}: ${length} numbers at once, expected at most ${MOST_BYTES} bytes of them`);
    const values = found.slice([[first, first + count]]) as unknown;
    if (ArrayBuffer.isView(values) && (values as unknown as number[]).length === length) return values;
    throw new UserError(`${path} holds no numbers`);
  },
  texts(file: File, path: string): string[] {
    const found = stored(file, path);
    const { shape, size, total_size: count } = found.metadata;
    if (shape?.length !== 1 || !(count * size <= MOST_BYTES))
      throw new UserError(`${path} has axes [${shape?.join(", ") ?? ""}], expected one`);
    const values = found.value;
    if (!Array.isArray(values) || !values.every((value) => typeof value === "string"))
      throw new UserError(`${path} holds no text`);
    return values.map((value) => (value as string).replace(/[\0 ]+$/, ""));
  },
};

function stored(file: File, path: string): Stored {
  const found = at(file, path);
  if (found instanceof library.Dataset) return found;
  throw new UserError(`${path} is no data set`);
}

/** Step by step, as the library would follow links to other files. */
function at(file: File, path: string): Group | Stored {
  let here: Group | Stored = file;
  const parts = path.split("/").filter((part) => part !== "");
  for (const [depth, part] of parts.entries()) {
    const next: ReturnType<Group["get"]> = here instanceof library.Group ? here.get(part) : null;
    const name = parts.slice(0, depth + 1).join("/");
    if (next instanceof library.ExternalLink) throw new UserError(`${name} leads to another file, which is not opened`);
    if (!(next instanceof library.Group || next instanceof library.Dataset))
      throw new UserError(`${name} is missing; there is ${listed(here)}`);
    here = next;
  }
  return here;
}

function listed(here: Group | Stored): string {
  const names = here instanceof library.Group ? here.keys() : [];
  return names.length === 0 ? "nothing" : names.slice(0, 5).join(", ") + (names.length > 5 ? ", ..." : "");
}

function answer({ path, call, args = [] }: Hdf5Question): Answer {
  const give = (answer: Hdf5Answer, move?: Answer["move"]) => ({ answer, move });
  try {
    if (call === "close") {
      files.get(path)?.close();
      files.delete(path);
      return give({ value: undefined });
    }
    const file = files.get(path) ?? open(path);
    const compute = answers[call] as (file: File, ...args: readonly unknown[]) => unknown;
    const value = compute(file, ...args);
    return give({ value }, ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : []);
  } catch (error) {
    if (error instanceof UserError) return give({ refusal: error.message });
    return give({ failure: reasonOf(error) });
  }
}

/** The only file that may be opened now, in full. */
let opening = "";

function open(path: string): File {
  opening = path;
  try {
    const file = new library.File(path, "r");
    files.set(path, file);
    return file;
  } finally {
    opening = "";
  }
}

/** What the library says is many lines, of which the last reason is the first cause. */
function reasonOf(error: unknown): string {
  const text = String((error as Error)?.message ?? error);
  const reasons = [...text.matchAll(/\(\): (.*)/g)];
  return (reasons.at(-1)?.[1] ?? text.split("\n")[0]).slice(0, 200);
}

/** Whatever a file names, nothing but itself is opened; nothing is printed; memory is bounded. */
function confine(): void {
  const { openSync, writeSync } = fs;
  Object.assign(fs, {
    openSync(path: string, ...how: [string]) {
      // The library's messages pass through temporary files.
      if (resolve(path) === opening || /^\/tmp\/tmpfile_\w+$/.test(path)) return openSync(path, ...how);
      throw Object.assign(new Error(`${path} is not opened`), { code: "EACCES" });
    },
    writeSync(file: number, bytes: Uint8Array, ...where: [number?, number?, number?]) {
      return file <= 2 ? bytes.length : writeSync(file, bytes, ...where);
    },
  });
  const { prototype } = (globalThis as unknown as { WebAssembly: { Memory: { prototype: Memory } } }).WebAssembly
    .Memory;
  const { grow } = prototype;
  prototype.grow = function (pages) {
    if (this.buffer.byteLength + pages * PAGE > MOST_MEMORY) throw new RangeError("out of memory");
    return grow.call(this, pages);
  };
}

/** Bytes by which WebAssembly's memory grows. */
const PAGE = 2 ** 16;

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

void load().then(async (module) => {
  library = module;
  // Else errors would be printed and the calls return nonsense.
  (await module.ready).activate_throwing_error_handler();
  confine();
  answerQuestions(workerData, answer);
});
