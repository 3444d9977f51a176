import { createHash, type Hash } from "node:crypto";
import { endianness } from "node:os";
import { random } from "../random";
import type { Dataset, Split } from "./dataset";

/** Clips drawn by chance, beside the first, the middle and the last. */
const DRAWN = 4;

/**
 * SHA-256 in hex that says which data a run saw: of the data set's name, frame, time and numbers of clips, and, from each split,
 * of the first, the middle, the last and four more clips, drawn once and for all: their ids and their values as little-endian
 * float32. A sample: other data in the clips between do not show. The same on every machine.
 *
 * Errors: those of reading a clip.
 */
export async function fingerprint(dataset: Dataset): Promise<string> {
  const { name, frame, time } = dataset;
  const { height, width, channels, unit, range } = frame;
  const splits = (["train", "validation", "test"] as const).map((split) => [split, dataset.size(split)] as const);
  const hash = createHash("sha256");
  hash.update(JSON.stringify([name, [height, width, channels, unit, range], time, splits]));
  for (const [split, size] of splits) for (const index of sample(split, size)) await add(hash, dataset, split, index);
  return hash.digest("hex");
}

/** Which of `size` clips are looked at, in order. */
function sample(split: Split, size: number): number[] {
  const uniform = random("fingerprint", split);
  const drawn = Array.from({ length: DRAWN }, () => Math.floor(size * uniform()));
  const chosen = new Set([0, Math.floor(size / 2), size - 1, ...drawn]);
  return size > 0 ? [...chosen].sort((a, b) => a - b) : [];
}

async function add(hash: Hash, dataset: Dataset, split: Split, index: number): Promise<void> {
  const { data, shape } = await dataset.sequences(split, [index]);
  const values = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  hash.update(JSON.stringify([split, index, dataset.id(split, index), shape]));
  hash.update(endianness() === "LE" ? values : Buffer.from(values).swap32());
}
