import { zipSync } from "fflate";
import { readFile, writeAtomic } from "../../files";
import { UserError } from "../../types";
import { Zip } from "../../zip";
import { encodeNpy, type NpyArray, parseNpy } from "./npy";

/**
 * Reads the arrays of a NumPy `.npz` file, which is a zip file of `.npy` files, by name. Errors: missing, no zip file, damaged,
 * and as for `readNpy` of each array.
 */
export function readNpz(path: string): Map<string, NpyArray> {
  const zip = openNpz(path);
  return new Map(
    [...zip.readAll(zip.names)].map(([name, content]) => [arrayName(name), parseNpy(content, `${path}, ${name}`)]),
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

function openNpz(path: string): Zip {
  const fail = (reason: string) => new UserError(`${path}: not a .npz file: ${reason}`);
  const zip = new Zip(readFile(path, ".npz file"), { fail });
  const stranger = zip.names.find((name) => !name.endsWith(".npy"));
  if (stranger !== undefined) throw fail(`it has a file ${stranger}, expected .npy files`);
  return zip;
}

/** Writes arrays as a `.npz` file without compression, like `numpy.savez`; it appears under its name only when it is whole. */
export function writeNpz(path: string, arrays: Iterable<readonly [string, NpyArray]>): void {
  // Equal arrays give equal files.
  const options = { level: 0, mtime: new Date(1980, 0, 1) } as const;
  const files = [...arrays].map(([name, array]) => [`${name}.npy`, [encodeNpy(array), options]] as const);
  writeAtomic(path, zipSync(Object.fromEntries(files) as Parameters<typeof zipSync>[0]));
}
