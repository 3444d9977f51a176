import { type Citation, type FrameSpec, type Sequences, UserError } from "../types";
import { permutation } from "./permutation";
import { prefetch } from "./prefetch";
import { requireFinite } from "./requireFinite";

export type Split = "train" | "validation" | "test";

/** Where the data come from and on what terms. */
export interface Source {
  readonly url: string;
  readonly licence: string;
  /** Checksum by file name. */
  readonly sha256?: Readonly<Record<string, string>>;
  /** How one gets them. */
  readonly how: string;
}

/**
 * A data set: three numbered lists of clips of equal shape. Any clip can be asked for at any time and is always the same,
 * so the order in which a run sees them is decided outside, and can be entered anywhere.
 */
export interface Dataset {
  readonly name: string;
  readonly frame: FrameSpec;
  /** Frames in a clip, context and horizon together. */
  readonly time: number;
  readonly source: Source;
  readonly citation: Citation;
  /** Number of clips. */
  size(split: Split): number;
  /** Names one clip in messages and tables. */
  id(split: Split, index: number): string;
  /** The clips at `indices`, in that order: [indices.length, time, height, width, channels], scaled to [0, 1]. */
  sequences(split: Split, indices: readonly number[]): Promise<Sequences>;
}

export interface ClipsOptions {
  /** Clips in a batch; the very last one may hold fewer. */
  batch: number;
  /** Order of the shuffling: it depends on seed and epoch alone. Default 0. */
  seed?: number;
  /** Default: true for "train", else false. */
  shuffle?: boolean;
  /** How often to go through the split. Default: Infinity for "train", else 1. */
  epochs?: number;
  /** Use only the first `take` clips of the split. Default: all. */
  take?: number;
  /** Start at this batch, as if those before had been served: for resuming. Default 0. */
  from?: number;
}

export interface Batch {
  readonly data: Sequences;
  readonly ids: readonly string[];
  readonly indices: readonly number[];
  /** Number of this batch, counted from 0 over all epochs. */
  readonly iteration: number;
  /** Epoch of the first clip in it. */
  readonly epoch: number;
}

/**
 * Serves a split in batches. Epochs follow each other without a gap: a batch may hold the last clips of one and the first
 * of the next, so every batch is full except the very last. Values are checked to be finite. The next batch is made while the
 * caller waits for what it does with this one.
 *
 * Throws a UserError for an empty split, numbers that make no sense, or NaN in the data.
 */
export async function* clips(dataset: Dataset, split: Split, options: ClipsOptions): AsyncGenerator<Batch, void, void> {
  const train = split === "train";
  const { batch, seed = 0, shuffle = train, epochs = train ? Infinity : 1, take = Infinity, from = 0 } = options;
  requireWhole("batch", batch, 1);
  requireWhole("from", from, 0);
  if (epochs !== Infinity) requireWhole("epochs", epochs, 1);
  if (take !== Infinity) requireWhole("take", take, 1);
  const size = Math.min(dataset.size(split), take);
  if (size < 1) throw new UserError(`${dataset.name}: expected at least one clip in ${split}, got none`);

  let epoch = -1;
  let order = (place: number) => place;
  const indexAt = (position: number) => {
    const now = Math.floor(position / size);
    if (shuffle && now !== epoch) order = permutation(size, seed, now);
    epoch = now;
    return order(position - now * size);
  };

  const total = size * epochs;
  const load = async (iteration: number): Promise<Batch> => {
    const first = iteration * batch;
    const indices = Array.from({ length: Math.min(batch, total - first) }, (_, i) => indexAt(first + i));
    const ids = indices.map((index) => dataset.id(split, index));
    const data = requireFinite(await dataset.sequences(split, indices), dataset.name, ids);
    return { data, ids, indices, iteration, epoch: Math.floor(first / size) };
  };
  yield* prefetch(from, Math.ceil(total / batch), load);
}

/** Error: `value` is no whole number from `least` on; `name` begins it. */
export function requireWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UserError(`${name}: expected a whole number from ${least} on, got ${value}`);
  }
}
