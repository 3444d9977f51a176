import { closeSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolder, openToRead } from "../../files";
import { UserError } from "../../types";
import type { NpyData } from "./npy";

type Library = typeof import("h5wasm/node", { with: { "resolution-mode": "import" }});
type Group = InstanceType<Library["Group"]>;
type Stored = InstanceType<Library["Dataset"]>;

let loading: Promise<Library> | undefined;

/** The HDF5 Group's own library, compiled to WebAssembly: loaded when the first file is opened. */
function library(): Promise<Library> {
  loading ??= import("h5wasm/node").then(async (module) => {
    // Else errors would be printed and the calls return nonsense.
    (await module.ready).activate_throwing_error_handler();
    return module;
  });
  return loading;
}

/** Bytes that one reading gives at most. */
const MOST_BYTES = 2 ** 28;

/** An array of an HDF5 file. */
export interface Hdf5Array {
  readonly shape: readonly number[];
  /** Entries [first, first + count) of the first axis, one after another. Errors: text, damaged, more than 256 MiB. */
  read(first: number, count: number): NpyData;
  /** All entries of an array of text, of fixed or variable length, without what fills them up. Errors: not text, damaged. */
  texts(): string[];
}

/**
 * An HDF5 file, open to read. Nothing is read before it is asked for. Every method throws a UserError with the path for what is
 * missing or damaged.
 */
export class Hdf5File {
  private constructor(
    readonly path: string,
    private readonly library: Library,
    private readonly file: InstanceType<Library["File"]>,
  ) {}

  /** Errors: missing, no HDF5 file, damaged. */
  static async open(path: string): Promise<Hdf5File> {
    // HDF5's own message for a missing file is no help.
    const { file, size } = openToRead(path, "HDF5 file");
    closeSync(file);
    if (size === 0) throw new UserError(`${path}: expected an HDF5 file, got an empty one`);
    const used = await library();
    return new Hdf5File(
      path,
      used,
      guarded(path, () => new used.File(path, "r")),
    );
  }

  /** Opens a file for as long as `use` takes. */
  static async using<T>(path: string, use: (file: Hdf5File) => T | Promise<T>): Promise<T> {
    const file = await Hdf5File.open(path);
    try {
      return await use(file);
    } finally {
      file.close();
    }
  }

  close(): void {
    guarded(this.path, () => this.file.close());
  }

  /** Names of what is in a group, by default in the file itself. */
  names(group = ""): string[] {
    const found = group === "" ? this.file : this.at(group);
    if (!(found instanceof this.library.Group)) throw this.error(`${group} is no group`);
    return guarded(this.path, () => (found as Group).keys());
  }

  /** An attribute of the file, a group or an array, named by its path: a number or a text. Nothing where there is none. */
  attribute(path: string, name: string): number | string | undefined {
    const found = path === "" ? this.file : this.at(path);
    const value = guarded(this.path, () => (found.attrs[name] === undefined ? undefined : found.attrs[name].value));
    if (typeof value === "string" || typeof value === "number" || value === undefined) return value;
    const [only] = Array.isArray(value) || ArrayBuffer.isView(value) ? (value as unknown as unknown[]) : [];
    if (typeof only === "string") return only;
    if (only === undefined) throw this.error(`attribute ${name} of ${path} is no number and no text`);
    return Number(only);
  }

  /** An array, whose shape must have `rank` axes where that is given. */
  array(path: string, rank?: number): Hdf5Array {
    const found = this.at(path);
    if (!(found instanceof this.library.Dataset)) throw this.error(`${path} is no data set`);
    const { metadata, filled } = guarded(this.path, () => ({ metadata: found.metadata, filled: found.shape }));
    const shape = filled ?? [];
    if (rank !== undefined && shape.length !== rank)
      throw this.error(`${path} has axes [${shape.join(", ")}], expected ${rank} of them`);
    if (metadata.virtual_sources?.length) throw this.error(`${path} lies in other files, which are not opened`);
    return {
      shape,
      read: (first, count) => this.numbers(found, shape, first, count),
      texts: () => this.texts(found, shape),
    };
  }

  private numbers(found: Stored, shape: readonly number[], first: number, count: number): NpyData {
    const { path } = found;
    if (shape.length === 0 || first < 0 || count < 0 || first + count > shape[0])
      throw this.error(`${path} has axes [${shape.join(", ")}], asked for ${first} to ${first + count} of the first`);
    const size = shape.slice(1).reduce((product, side) => product * side, count);
    if (!(size * found.metadata.size <= MOST_BYTES))
      throw this.error(`${path}: ${size} numbers at once, expected at most ${MOST_BYTES} bytes of them`);
    const value = guarded(this.path, () => found.slice([[first, first + count]]));
    if (!ArrayBuffer.isView(value) || (value as unknown as NpyData).length !== size)
      throw this.error(`${path} holds no numbers`);
    return value as unknown as NpyData;
  }

  private texts(found: Stored, shape: readonly number[]): string[] {
    const [count] = shape;
    if (shape.length !== 1 || !(count * found.metadata.size <= MOST_BYTES))
      throw this.error(`${found.path} has axes [${shape.join(", ")}], expected one`);
    const values = guarded(this.path, () => found.value);
    if (!Array.isArray(values) || !values.every((value) => typeof value === "string"))
      throw this.error(`${found.path} holds no text`);
    return values.map((value) => (value as string).replace(/[\0 ]+$/, ""));
  }

  /** Step by step, as the library would follow links to other files. */
  private at(path: string): Group | Stored {
    let here: Group | Stored = this.file;
    const parts = path.split("/").filter((part) => part !== "");
    for (const [depth, part] of parts.entries()) {
      const before: Group | Stored = here;
      const next = before instanceof this.library.Group ? guarded(this.path, () => before.get(part)) : null;
      const name = parts.slice(0, depth + 1).join("/");
      if (next instanceof this.library.ExternalLink)
        throw this.error(`${name} leads to another file, which is not opened`);
      if (!(next instanceof this.library.Group || next instanceof this.library.Dataset))
        throw this.error(
          `${name} is missing; there is ${listed(before instanceof this.library.Group ? before : undefined)}`,
        );
      here = next as Group | Stored;
    }
    return here;
  }

  private error(reason: string): UserError {
    return new UserError(`${this.path}: ${reason}`);
  }
}

const listed = (group: Group | undefined): string => {
  const names = group?.keys() ?? [];
  return names.length === 0 ? "nothing" : names.slice(0, 5).join(", ") + (names.length > 5 ? ", ..." : "");
};

/** What the library says is many lines, of which the last reason is the first cause. */
function guarded<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof UserError) throw error;
    const text = String((error as Error)?.message ?? error);
    const reasons = [...text.matchAll(/\(\): (.*)/g)];
    const reason = reasons.length > 0 ? reasons[reasons.length - 1][1] : text.split("\n")[0];
    throw new UserError(`${path}: no HDF5 file that can be read (${reason.slice(0, 200)})`);
  }
}

/** An array to write: numbers, or text that is filled up to the longest. */
export interface Hdf5Content {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Uint8Array | Uint16Array | readonly string[];
  /** Compressed in pieces of this shape; text never is. Default: in one piece as it is. */
  readonly chunks?: readonly number[];
}

/** Writes an HDF5 file of arrays; it appears under its name only when it is whole. Error: it cannot be written. */
export async function writeHdf5(path: string, contents: readonly Hdf5Content[]): Promise<void> {
  const { File } = await library();
  const temporary = `${path}.${process.pid}.tmp`;
  makeFolder(dirname(path));
  try {
    guarded(path, () => {
      const file = new File(temporary, "w");
      try {
        for (const { name, shape, data, chunks } of contents) {
          const isText = (entries: typeof data): entries is readonly string[] => Array.isArray(entries);
          const dtype = isText(data) ? `S${Math.max(1, ...data.map((text) => text.length))}` : undefined;
          const compression = chunks && { chunks: [...chunks], compression: "gzip" as const, compression_opts: 6 };
          file.create_dataset({ name, data: data as Float32Array, shape: [...shape], dtype, ...compression });
        }
      } finally {
        file.close();
      }
    });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
