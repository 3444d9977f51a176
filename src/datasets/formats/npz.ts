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
  const fail = (reason: string) => new UserError(`${path}: not a .npz file: ${reason}`);
  const zip = new Zip(readFile(path, ".npz file"), { fail });
  const stranger = zip.names.find((name) => !name.endsWith(".npy"));
  if (stranger !== undefined) throw fail(`it has a file ${stranger}, expected .npy files`);
  return new Map(
    [...zip.readAll(zip.names)].map(([name, content]) => [
      name.slice(0, -".npy".length),
      parseNpy(content, `${path}, ${name}`),
    ]),
  );
}

/** Writes arrays as a `.npz` file without compression, like `numpy.savez`; it appears under its name only when it is whole. */
export function writeNpz(path: string, arrays: Iterable<readonly [string, NpyArray]>): void {
  // Equal arrays give equal files.
  const options = { level: 0, mtime: new Date(1980, 0, 1) } as const;
  const files = [...arrays].map(([name, array]) => [`${name}.npy`, [encodeNpy(array), options]] as const);
  writeAtomic(path, zipSync(Object.fromEntries(files) as Parameters<typeof zipSync>[0]));
}
