import { closeSync } from "node:fs";
import { join, resolve } from "node:path";
import { openToRead, placeAtomic } from "../../files";
import { UserError } from "../../types";
import type { NpyData } from "./npy";
import { TimedThread } from "./timedThread";

/** What the thread is asked; `path` in full. */
export interface Hdf5Question {
  readonly path: string;
  readonly call: "open" | "names" | "attribute" | "array" | "read" | "texts" | "close";
  readonly args?: readonly unknown[];
}

/** What it answers: a value, what is wrong with what was asked for, or how the library failed. */
export type Hdf5Answer = { readonly value: unknown } | { readonly refusal: string } | { readonly failure: string };

/** The HDF5 Group's own library, compiled to WebAssembly: starts when the first file is opened. */
const thread = new TimedThread(join(__dirname, "hdf5Thread.js"));

/** An array of an HDF5 file. */
export interface Hdf5Array {
  readonly shape: readonly number[];
  /** Entries [first, first + count) of the first axis, one after another. Errors: text, damaged, more than 128 MiB. */
  read(first: number, count: number): NpyData;
  /** All entries of an array of text, of fixed or variable length, without what fills them up. Errors: not text, damaged. */
  texts(): string[];
}

/**
 * An HDF5 file, open to read. Nothing is read before it is asked for, and no other file is, whatever links it has. Every method
 * throws a UserError with the path for what is missing or damaged.
 *
 * The library runs in a thread of its own, which is ended and replaced where it fails or does not answer in time.
 */
export class Hdf5File {
  private constructor(
    readonly path: string,
    private readonly seconds: number,
  ) {}

  /** `seconds`: what one call may take before the file counts as damaged. Default 10. Errors: missing, no HDF5 file, damaged. */
  static async open(path: string, { seconds = 10 }: { seconds?: number } = {}): Promise<Hdf5File> {
    // HDF5's own message for a missing file is no help.
    const { file, size } = openToRead(path, "HDF5 file");
    closeSync(file);
    if (size === 0) throw new UserError(`${path}: expected an HDF5 file, got an empty one`);
    await thread.settled();
    const opened = new Hdf5File(path, seconds);
    opened.ask("open");
    return opened;
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
    if (thread.isRunning) this.ask("close");
  }

  /** Names of what is in a group, by default in the file itself. */
  names(group = ""): string[] {
    return this.ask("names", group) as string[];
  }

  /** An attribute of the file, a group or an array, named by its path: one number or text. Nothing where there is none. */
  attribute(path: string, name: string): number | string | undefined {
    return this.ask("attribute", path, name) as number | string | undefined;
  }

  /** An array, whose shape must have `rank` axes where that is given. */
  array(path: string, rank?: number): Hdf5Array {
    const shape = this.ask("array", path) as readonly number[];
    const axes = `${path} has axes [${shape.join(", ")}]`;
    if (rank !== undefined && shape.length !== rank) throw this.error(`${axes}, expected ${rank} of them`);
    return {
      shape,
      read: (first, count) => {
        if (!(first >= 0 && count >= 0 && first + count <= shape[0]))
          throw this.error(`${axes}, asked for ${first} to ${first + count} of the first`);
        return this.ask("read", path, first, count) as NpyData;
      },
      texts: () => this.ask("texts", path) as string[],
    };
  }

  private ask(call: Hdf5Question["call"], ...args: unknown[]): unknown {
    const question: Hdf5Question = { path: resolve(this.path), call, args };
    const answer = thread.ask(question, this.seconds) as Hdf5Answer | undefined;
    if (!answer) throw this.error(`no HDF5 file that can be read (no answer in ${this.seconds} s)`);
    if ("value" in answer) return answer.value;
    if ("refusal" in answer) throw this.error(answer.refusal);
    // The library does not clean up behind its errors.
    thread.end();
    throw this.error(`no HDF5 file that can be read (${answer.failure})`);
  }

  private error(reason: string): UserError {
    return new UserError(`${this.path}: ${reason}`);
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
  const { File, ready } = await import("h5wasm/node");
  (await ready).activate_throwing_error_handler();
  await placeAtomic(path, async (temporary) => {
    try {
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
    } catch (error) {
      throw new UserError(`cannot write ${path}: ${(error as Error).message.split("\n")[0]}`);
    }
  });
}
