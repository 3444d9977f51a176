import type { Random } from "../random";
import type { Citation, Frames, Tree } from "../types";

/** One convolution as the paper's equations write it: what the operation count of a report is made of. */
export interface Convolution {
  readonly kernelSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** One step of one layer. Pure: all it knows comes in, all it remembers goes out. */
export interface Cell<P extends Tree = Tree, S extends Tree = Tree> {
  /** As in its paper. */
  readonly name: string;
  readonly cites: Citation;
  /** Channels of its output. */
  readonly filters: number;
  /** New parameters for inputs of `inputChannels` channels. */
  init(random: Random, inputChannels: number): P;
  zeroState(batch: number, height: number, width: number): S;
  step(params: P, input: CellInput, state: S): CellOutput<S>;
  convolutions(inputChannels: number): Convolution[];
}

export interface CellInput {
  /** Sum of the outputs of the layers that feed this one, at its scale. [batch, height, width, inputChannels] */
  readonly x: Frames;
}

export interface CellOutput<S> {
  /** [batch, height, width, filters] */
  readonly h: Frames;
  readonly state: S;
}

/** The options that every cell has. */
export interface CellOptions {
  /** Channels of the output and the states. Default 64. */
  filters?: number;
  /** Side of the square kernel, odd. Default 3. */
  kernelSize?: number;
}

/** Makes the cell of one layer: the builder chooses variants by position, a cell never asks where it is. */
export type CellAt = (layer: number, layers: number) => Cell;
