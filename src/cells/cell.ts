import type { Alignment } from "../ops/warp";
import type { Random } from "../random";
import type { Citation, Frames, Tree } from "../types";

/** One convolution as the paper's equations write it: what the operation count of a report is made of. */
export interface Convolution {
  readonly kernelSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Its windows are at 1/scale of the layer's height and width. Default 1. */
  readonly scale?: number;
  /** A transposed one: each window puts out stretch x stretch pixels. Default 1. */
  readonly stretch?: number;
}

/** One step of one layer. Pure: all it knows comes in, all it remembers goes out. */
export interface Cell<P extends Tree = Tree, S extends Tree = Tree> {
  /** As in its paper. */
  readonly name: string;
  readonly cites: Citation;
  /** Channels of its output, and of the memory where it has one. */
  readonly filters: number;
  /** It reads and writes the memory m, which goes up through the layers and from the last one on to the next time step. */
  readonly passesMemory?: boolean;
  /** It reads what the layer below put out at the time step before. */
  readonly readsBelow?: boolean;
  /** Training keeps its two increments apart, as in PredRNN-V2. */
  readonly decouples?: boolean;
  /** New parameters for inputs of `inputChannels` channels. */
  init(random: Random, inputChannels: number): P;
  zeroState(batch: number, height: number, width: number): S;
  step(params: P, input: CellInput, state: S): CellOutput<S>;
  /** All of those that are computed. */
  convolutions(inputChannels: number): Convolution[];
}

export interface CellInput {
  /** Sum of the outputs of the layers that feed this one, at its scale. [batch, height, width, inputChannels] */
  readonly x: Frames;
  /** The memory, for cells that pass it. [batch, height, width, filters] */
  readonly m?: Frames;
  /**
   * Output of the layer below at the time step before, resampled as x is, without skips; zero at the start and for the first
   * layer. For cells that read it. [batch, height, width, inputChannels]
   */
  readonly below?: Frames;
}

export interface CellOutput<S> {
  /** [batch, height, width, filters] */
  readonly h: Frames;
  readonly state: S;
  /** The memory, of cells that pass it. [batch, height, width, filters] */
  readonly m?: Frames;
  /** What was added to c and to m, both [batch, height, width, filters]; computed when it is asked for. */
  readonly increments?: () => readonly [Frames, Frames];
}

/** The options that every cell has, and those of some. */
export interface CellOptions {
  /** Channels of the output and the states. Default 64. */
  filters?: number;
  /** Side of the square kernel, odd. Default 3. */
  kernelSize?: number;
  /**
   * Also create and carry weights and states that never reach the output, as the published code does (SPEC section 4): for
   * checking and for its checkpoints. The outputs are the same. Default false.
   */
  complete?: boolean;
  /** TrajGRU: places that each pixel reads. Default 10. */
  links?: number;
  /** PrecipLSTM: side of the window that each pixel attends to. Default 30. */
  window?: number;
  /** TrajGRU and MotionRNN: what a zero flow does, see `warp`. Default "reference". */
  alignment?: Alignment;
  /** MotionRNN: how moved maps are joined, as the published code reads its memory or each pixel's own. Default "reference". */
  rearrangement?: "reference" | "clean";
}

/** Makes the cell of one layer: the builder chooses variants by position, a cell never asks where it is. */
export type CellAt = (layer: number, layers: number) => Cell;
