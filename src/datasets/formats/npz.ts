import { closeSync } from "node:fs";
import { type UnzipFile, zipSync } from "fflate";
import { openToRead, readFile, writeAtomic } from "../../files";
import { UserError } from "../../types";
import { unzipPieces, Zip } from "../../zip";
import { encodeNpy, type NpyArray, type NpyHead, npyHeadBytes, parseNpy, parseNpyHead } from "./npy";

const failing = (path: string) => (reason: string) => new UserError(`${path}: not a .npz file: ${reason}`);

/**
 * Reads the arrays of a NumPy `.npz` file, which is a zip file of `.npy` files, by name: all, or only those named, beside which there
 * may be others that cannot be read. Errors: missing, no zip file, damaged, and as for `readNpy` of each array.
 */
export function readNpz(path: string, names?: readonly string[]): Map<string, NpyArray> {
  const zip = openNpz(path, names);
  const files = names?.map((name) => `${name}.npy`) ?? zip.names;
  return new Map(
    [...zip.readAll(files)].map(([name, content]) => [arrayName(name), parseNpy(content, `${path}, ${name}`)]),
  );
}

/**
 * Reads one array of a `.npz` file, which need not have a name where it is the only one; the others are not looked into. Errors as
 * for `readNpz`; there is no such array, or there are several and none is named.
 */
export function readNpzArray(path: string, array?: string): NpyArray {
  const zip = openNpz(path);
  const names = zip.names.map(arrayName);
  const name = array ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined || !names.includes(name))
    throw new UserError(`${path}: expected the name of one of its arrays, ${names.join(", ")}, got ${name ?? "none"}`);
  return parseNpy(zip.read(`${name}.npy`), `${path}, ${name}.npy`);
}

const arrayName = (file: string) => file.slice(0, -".npy".length);

function openNpz(path: string, names?: readonly string[]): Zip {
  const fail = failing(path);
  const zip = new Zip(readFile(path, ".npz file"), { fail });
  const stranger = names ? undefined : zip.names.find((name) => !name.endsWith(".npy"));
  if (stranger !== undefined) throw fail(`it has a file ${stranger}, expected .npy files`);
  return zip;
}

/** Packed bytes read at once; they can become a thousand times as many. */
const PIECE = 2 ** 14;

/** Bytes of one entry that are no mistake. */
const MOST_BYTES = 2 ** 28;

/**
 * The entries of the first axis of one array of a `.npz` file, one after another, so that memory holds some of them and not all. Other
 * arrays are not unpacked, pickled ones neither. Errors: missing, damaged, cut off, Fortran order, and as for `readNpy`.
 */
export function* npzEntries(path: string, name: string): Generator<NpyArray> {
  const fail = failing(path);
  const where = `${path}, ${name}.npy`;
  const archive = openToRead(path, ".npz file");
  let found: UnzipFile | undefined;
  const parts: Uint8Array[] = [];
  const pieces = unzipPieces(archive, path, PIECE, (each) => {
    if (found || each.name !== `${name}.npy`) return;
    found = each;
    each.ondata = (error, part) => {
      if (error) throw error;
      parts.push(part);
    };
    each.start();
  });
  try {
    let rest: Uint8Array = new Uint8Array(0);
    let head: NpyHead | undefined;
    let wanted = npyHeadBytes;
    let given = 0;
    while (given < (head?.shape[0] ?? 1)) {
      try {
        if (pieces.next().done) break;
      } catch (error) {
        throw error instanceof UserError ? error : fail(`damaged zip file (${(error as Error).message})`);
      }
      if (!found) continue;
      if (!head) wanted = Math.min(npyHeadBytes, found.originalSize ?? 0);
      const held = parts.reduce((sum, part) => sum + part.length, rest.length);
      if (held < wanted) continue;
      rest = Buffer.concat([rest, ...parts.splice(0)]);
      if (!head) {
        head = parseNpyHead(rest, found.originalSize ?? 0, where);
        if (head.fortran || head.shape.length < 1)
          throw new UserError(
            `${where}: expected an array in C order, got ${head.fortran ? "Fortran order" : "a number"}`,
          );
        rest = rest.subarray(head.start);
        wanted = head.shape.slice(1).reduce((product, side) => product * side, head.bytes);
        if (wanted > MOST_BYTES)
          throw new UserError(`${where}: ${wanted} bytes an entry, expected at most ${MOST_BYTES}`);
      }
      for (; given < head.shape[0] && rest.length >= wanted; given++) {
        yield { shape: head.shape.slice(1), data: head.numbers(rest.subarray(0, wanted)) };
        rest = rest.subarray(wanted);
      }
    }
    if (!found) throw fail(`it has no ${name}.npy`);
    if (!head || given < head.shape[0]) throw new UserError(`${where} is cut off`);
  } finally {
    closeSync(archive.file);
  }
}

/** Writes arrays as a `.npz` file without compression, like `numpy.savez`; it appears under its name only when it is whole. */
export function writeNpz(path: string, arrays: Iterable<readonly [string, NpyArray]>): void {
  // Equal arrays give equal files.
  const options = { level: 0, mtime: new Date(1980, 0, 1) } as const;
  const files = [...arrays].map(([name, array]) => [`${name}.npy`, [encodeNpy(array), options]] as const);
  writeAtomic(path, zipSync(Object.fromEntries(files) as Parameters<typeof zipSync>[0]));
}
