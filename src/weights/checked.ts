import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs";
import { leaves, mapTree } from "../tree";
import { type Tree, UserError } from "../types";
import { type NamedArray, type NamedArrays, readSafetensors, writeSafetensors } from "./safetensors";

/** The leaves of a tree as named arrays. */
export async function arraysOf(tree: Tree, prefix: string): Promise<[string, NamedArray][]> {
  const arrays: [string, NamedArray][] = [];
  for (const [name, leaf] of leaves(tree, prefix)) {
    arrays.push([name, { shape: leaf.shape, data: (await leaf.data()) as Float32Array }]);
  }
  return arrays;
}

/** Writes a safetensors file atomically, with a checksum of all values in its metadata. */
export function writeChecked(
  path: string,
  tensors: readonly (readonly [string, NamedArray])[],
  metadata: Readonly<Record<string, string>>,
): void {
  writeSafetensors(path, tensors, { ...metadata, sha256: checksum(tensors, metadata) });
}

/** Reads what `writeChecked` wrote. Errors: missing or damaged file, wrong checksum. */
export function readChecked(path: string): NamedArrays {
  const file = readSafetensors(path);
  const { sha256, ...metadata } = file.metadata;
  const actual = checksum(file.tensors, metadata);
  if (sha256 !== actual) {
    throw new UserError(
      `${path} is damaged: expected checksum ${sha256 ?? "(none stored)"}, its content has ${actual}`,
    );
  }
  return file;
}

/** A tree of the nesting and shapes of `like` from named arrays. Errors: a missing one, one of another shape. */
export function treeOf<T extends Tree>(tensors: NamedArrays["tensors"], like: T, prefix: string, path: string): T {
  for (const [name, leaf] of leaves(like, prefix)) {
    const found = tensors.get(name);
    if (!found) throw new UserError(`${path} has no tensor ${name}`);
    if (String(found.shape) !== String(leaf.shape)) {
      throw new UserError(`${path}: ${name} is [${found.shape}], but the model expects [${leaf.shape}]`);
    }
  }
  return mapTree(like, (leaf, name) => tf.tensor(tensors.get(prefix + name)!.data, leaf.shape));
}

function checksum(tensors: Iterable<readonly [string, NamedArray]>, metadata: Record<string, string>): string {
  const hash = createHash("sha256");
  for (const key of Object.keys(metadata).sort()) hash.update(`${key}=${metadata[key]}\n`);
  for (const [name, { shape, data }] of tensors) {
    hash.update(`${name}[${shape}]`).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
