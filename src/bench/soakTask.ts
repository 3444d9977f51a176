import type { Experiment } from "../settings";

/** A long training: what the process that makes it is told. */
export interface SoakTask {
  /** `iterations` are the steps to make. */
  readonly settings: Experiment;
  readonly backend: string;
  /** Run operation by operation, on a backend that could record too. */
  readonly eager: boolean;
}

/** What a process holds between two steps. */
export interface Held {
  /** Steps made so far. */
  readonly step: number;
  readonly residentBytes: number;
  /** What JavaScript's heap has of it, garbage included. */
  readonly heapBytes: number;
  /** Live tensors, as tfjs counts them. */
  readonly tensors: number;
  /** The engine's memory, where it computes. */
  readonly pool?: { readonly usedBytes: number; readonly freeBytes: number };
}

/** How a replay ended that was stopped in its middle. */
export interface Cancelled {
  /** Clips in its batch: as many as it took for a replay to last long enough. */
  readonly batch: number;
  /** Of a replay that is not stopped. */
  readonly replaySeconds: number;
  /** From the signal to the trainer's event. */
  readonly latencySeconds: number;
  /** Weights and moments, bit for bit those before. */
  readonly same: boolean;
}
