import { Unzip, type UnzipFile, type UnzipFileInfo, UnzipInflate, unzipSync } from "fflate";
import { readPart } from "./files";
import { UserError } from "./types";

export interface ZipOptions {
  /** Refuse compressed files. Default false. */
  readonly stored?: boolean;
  /** Makes the error for a reason. */
  readonly fail: (reason: string) => UserError;
}

/** Whether a file of that name would lie outside of the folder it is unpacked into. */
export const leadsOut = (name: string): boolean => /^[/\\]|(^|[/\\])\.\.([/\\]|$)|^[a-zA-Z]:/.test(name);

/**
 * Reads an open zip archive piece by piece and says `onFile` what is in it; yields after each piece, so that the reader may stop.
 * Errors: the archive is cut off; what `onFile` throws, and fflate's own, whose codes are numbers.
 */
export function* unzipPieces(
  { file, size }: { file: number; size: number },
  path: string,
  piece: number,
  onFile: (file: UnzipFile) => void,
): Generator<void, void, void> {
  const zip = new Unzip(onFile);
  zip.register(UnzipInflate);
  for (let at = 0; at < size; at += piece) {
    zip.push(readPart(file, at, Math.min(piece, size - at), path), at + piece >= size);
    yield;
  }
}

/** Compression by more than this is an attack: zeros reach 1,032. */
const MOST_RATIO = 200;

/**
 * A zip file in memory. Nothing is unpacked before it is asked for, and never more than asked for.
 * Errors: damaged, empty, names that lead out of a folder, files that would become much larger than they are.
 */
export class Zip {
  private readonly files = new Map<string, UnzipFileInfo>();

  constructor(
    private readonly bytes: Uint8Array,
    private readonly options: ZipOptions,
  ) {
    const { stored = false, fail } = options;
    this.unzip((file) => {
      const { name, size, originalSize, compression } = file;
      const shown = name.slice(0, 100);
      if (leadsOut(name)) throw fail(`it has a file named ${shown}`);
      const known = compression === 0 ? size === originalSize : compression === 8 && !stored;
      if (!known)
        throw fail(`${shown} is compressed, expected ${stored ? "files as they are" : "no or the usual way"}`);
      if (size > bytes.length || originalSize > MOST_RATIO * size + 1024) {
        throw fail(`${shown} would have ${originalSize} bytes, and takes ${size} of ${bytes.length}`);
      }
      if (this.files.has(name)) throw fail(`it has two files named ${shown}`);
      this.files.set(name, file);
      return false;
    });
    if (this.files.size === 0) throw fail("it has no files");
  }

  get names(): string[] {
    return [...this.files.keys()];
  }

  has(name: string): boolean {
    return this.files.has(name);
  }

  /** The content of one file. Errors: more than `most` bytes, cut off. */
  read(name: string, most = Number.POSITIVE_INFINITY): Uint8Array {
    const size = this.files.get(name)?.originalSize ?? 0;
    if (size > most) throw this.options.fail(`${name} has ${size} bytes, expected at most ${most}`);
    return this.readAll([name]).get(name) as Uint8Array;
  }

  /** The contents of some files, by name. Errors: missing, cut off. */
  readAll(names: Iterable<string>): Map<string, Uint8Array> {
    const { fail } = this.options;
    const wanted = new Set(names);
    for (const name of wanted) if (!this.files.has(name)) throw fail(`${name} is missing`);
    const found = new Map(Object.entries(this.unzip((file) => wanted.has(file.name))));
    for (const name of wanted) {
      if (found.get(name)?.length !== this.files.get(name)?.originalSize) throw fail(`${name} is cut off`);
    }
    return found;
  }

  private unzip(filter: (file: UnzipFileInfo) => boolean): Record<string, Uint8Array> {
    try {
      return unzipSync(this.bytes, { filter });
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw this.options.fail(`damaged zip file (${(error as Error).message})`);
    }
  }
}
