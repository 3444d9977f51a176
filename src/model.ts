import * as tf from "@tensorflow/tfjs";
import type { CellAt, Convolution } from "./cells/cell";
import { type Convolved, initConvolution } from "./initialize";
import { convolve } from "./ops/convolve";
import { cosines } from "./ops/cosines";
import { fromPatches, requirePatches, toPatches } from "./ops/patches";
import { random } from "./random";
import { type PerLayer, type Stack, type StackState, stack } from "./stack";
import { leaves } from "./tree";
import { type Citation, type Frames, type Tree, UserError } from "./types";
import { validateWiring, type Wiring } from "./wiring";

/** The shape of the frames a model takes and gives. */
export interface FrameShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export type ModelParams = {
  readonly embed: Convolved;
  readonly layers: PerLayer;
  /** Of networks that are decoupled: what all layers' increments pass through before they are compared. */
  readonly adapter?: Convolved;
  readonly head: Convolved;
};

export interface ModelOutput {
  /** [batch, height, width, channels], not clipped */
  readonly prediction: Frames;
  readonly state: StackState;
  /**
   * Of networks that are decoupled: per layer, sample and channel |cos| between the increments of its two memories, [layers, batch,
   * filters]; computed when it is asked for.
   */
  readonly decoupling?: () => tf.Tensor3D;
}

/** A whole network as one recurrent step: embed, stack, head (SPEC section 1). Holds no tensors. */
export interface Model {
  readonly name: string;
  readonly cites: readonly Citation[];
  readonly frame: FrameShape;
  /** Side of the patches that frames are cut into, pixels: the stack works at 1/patch of their height and width. */
  readonly patch: number;
  readonly stack: Stack;
  /** New parameters; the same seed gives the same numbers on every machine and backend. */
  init(seed: number): ModelParams;
  zeroState(batch: number): StackState;
  /** From frame x_t [batch, height, width, channels] to the unclipped prediction of x_{t+1} and the next state. */
  step(params: ModelParams, frame: Frames, state: StackState): ModelOutput;
}

export interface ModelOptions {
  readonly name: string;
  readonly cellAt: CellAt;
  readonly wiring: Wiring;
  readonly frame: FrameShape;
  /** Frames are cut into patches of patch x patch pixels, whose pixels become channels (`toPatches`). Default 1: they are not. */
  readonly patch?: number;
  /** What to cite beside the cells' papers. */
  readonly cites?: readonly Citation[];
}

/**
 * Builds a network from cells and a wiring: 1x1 convolution channels -> C, the stack, 1x1 convolution C -> channels; no
 * activation and no clipping. Whole frames come in and go out, with patches too. Errors: a wiring that is not valid, or that the
 * frame size does not pass; frames that cannot be cut into patches.
 */
export function buildModel({ name, cellAt, wiring, frame, patch = 1, cites = [] }: ModelOptions): Model {
  const { height, width, channels } = patched(frame, patch);
  validateWiring(wiring, height, width);
  const network = stack(cellAt, wiring);
  const first = network.cells[0].filters;
  const last = network.cells[network.cells.length - 1].filters;
  const decouples = network.cells.some((cell) => cell.decouples);
  const cellCites = new Set(network.cells.map((cell) => cell.cites));
  return {
    name,
    cites: [...cites, ...cellCites],
    frame,
    patch,
    stack: network,
    init: (seed) => ({
      embed: initConvolution(random(seed, "embed"), 1, channels, first),
      layers: network.init(random(seed, "layers"), first),
      ...(decouples && { adapter: initConvolution(random(seed, "adapter"), 1, first, first) }),
      head: initConvolution(random(seed, "head"), 1, last, channels),
    }),
    zeroState: (batch) => network.zeroState(batch, height, width),
    step({ embed, layers, adapter, head }, x, state) {
      const embedded = convolve(toPatches(x, patch), embed.kernel, embed.bias);
      const { h, state: next, increments } = network.step(layers, embedded, state);
      const adapted = (maps: Frames) => convolve(maps, adapter!.kernel, adapter!.bias);
      const decoupling = () =>
        tf.stack(increments.map((both) => cosines(...(both().map(adapted) as [Frames, Frames])))) as tf.Tensor3D;
      const prediction = fromPatches(convolve(h, head.kernel, head.bias), patch);
      return { prediction, state: next, ...(decouples && { decoupling }) };
    },
  };
}

/** Shape of what the stack works on. Error: frames that cannot be cut so. */
function patched({ height, width, channels }: FrameShape, patch: number): FrameShape {
  requirePatches([height, width], patch);
  return { height: height / patch, width: width / patch, channels: channels * patch ** 2 };
}

/** What a network costs. Counts are exact; bytes are of float32 values. */
export interface ModelReport {
  readonly name: string;
  readonly parameters: number;
  /** Multiply-adds of all convolutions, one step of one sequence. */
  readonly macsPerStep: number;
  /** Values that the convolutions of one step put out, a stand-in for memory (SPEC section 4). */
  readonly convolutionOutputs: number;
  /** Weights and Adam's two moments. */
  readonly optimizerBytes: number;
  /** Recurrent state of one sequence. */
  readonly stateBytes: number;
}

/** Counts parameters, operations and memory (SPEC section 4). Makes tensors and gives them back. */
export function reportModel(model: Model): ModelReport {
  const { stack: network } = model;
  const { height, width, channels } = patched(model.frame, model.patch);
  const first = network.cells[0].filters;
  const pixels = height * width;
  const cost = { macs: 0, outputs: 0 };
  const count = ({ kernelSize, inChannels, outChannels, scale = 1, stretch = 1 }: Convolution, places: number) => {
    cost.macs += (kernelSize ** 2 * inChannels * outChannels * places) / scale ** 2;
    cost.outputs += outChannels * places * (stretch / scale) ** 2;
  };
  const inputs = network.inputChannels(first);
  count({ kernelSize: 1, inChannels: channels, outChannels: first }, pixels);
  for (const [layer, cell] of network.cells.entries()) {
    const places = pixels / network.wiring.scale[layer] ** 2;
    for (const convolution of cell.convolutions(inputs[layer])) count(convolution, places);
  }
  const last = network.cells[network.cells.length - 1].filters;
  count({ kernelSize: 1, inChannels: last, outChannels: channels }, pixels);

  const values = (tree: Tree) => {
    const all = leaves(tree).map(([, leaf]) => leaf);
    const total = all.reduce((sum, leaf) => sum + leaf.size, 0);
    for (const leaf of all) leaf.dispose();
    return total;
  };
  const parameters = values(model.init(0));
  return {
    name: model.name,
    parameters,
    macsPerStep: cost.macs,
    convolutionOutputs: cost.outputs,
    optimizerBytes: 3 * 4 * parameters,
    stateBytes: 4 * values(model.zeroState(1)),
  };
}

/** Checks that frames of a clip or context fit the model; `what` names them in the error. */
export function requireFrames(model: Model, shape: readonly number[], what: string): void {
  const [height, width, channels] = shape.slice(-3);
  const expected = model.frame;
  if (channels !== expected.channels) {
    throw new UserError(
      `${what} has ${channels} channel${channels === 1 ? "" : "s"}, but the model was built for ${expected.channels} (${model.name})`,
    );
  }
  if (height !== expected.height || width !== expected.width) {
    throw new UserError(
      `${what} has frames of ${height}x${width}, but the model was built for ${expected.height}x${expected.width} (${model.name})`,
    );
  }
}
