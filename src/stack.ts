import * as tf from "@tensorflow/tfjs";
import type { Cell, CellAt, CellOutput } from "./cells/cell";
import { zeroFrames } from "./ops/convolve";
import { rescale } from "./ops/resample";
import { atLayer } from "./place";
import type { Random } from "./random";
import { type Frames, type Tree, UserError } from "./types";
import type { Wiring } from "./wiring";

/** One tree per layer, under the layer's number. */
export type PerLayer = { readonly [layer: string]: Tree };

/**
 * What a stack remembers: one tree per layer under its number; `m`, the memory after the last layer, where the cells pass one;
 * and under `below`, per layer that reads it, the last output of the layer below, resampled for it.
 */
export type StackState = Tree;

/** One recurrent step of a whole network: cells joined by a wiring. Pure, like a cell. */
export interface Stack {
  readonly cells: readonly Cell[];
  readonly wiring: Wiring;
  /** Channels of each layer's input, for inputs of `inputChannels` channels. */
  inputChannels(inputChannels: number): number[];
  /** New parameters for inputs of `inputChannels` channels. */
  init(random: Random, inputChannels: number): PerLayer;
  /** Zero states for frames of height x width at full size; each layer's are at its own scale. */
  zeroState(batch: number, height: number, width: number): StackState;
  /** x [batch, height, width, inputChannels] -> h of the last layer [batch, height, width, filters], and the next state. */
  step(params: PerLayer, x: Frames, state: StackState): StackOutput;
}

export interface StackOutput {
  readonly h: Frames;
  readonly state: StackState;
  /** Of each layer whose cell tells them. */
  readonly increments: NonNullable<CellOutput<Tree>["increments"]>[];
}

/**
 * Joins the cells that `cellAt` makes for each layer by any wiring: `stack(() => convLstm(), multiScale)` is MS-ConvLSTM.
 * Errors: layers that cannot be joined so.
 */
export function stack(cellAt: CellAt, wiring: Wiring): Stack {
  const { scale, edges, down, join = "add" } = wiring;
  const last = scale.length - 1;
  const cells = scale.map((_, layer) => cellAt(layer, scale.length));
  const sources = scale.map((_, layer) => edges.filter(([, to]) => to === layer).map(([from]) => from));
  const inputChannels = (layer: number, ofFirst: number) => {
    if (layer === 0) return ofFirst;
    const widths = sources[layer].map((from) => cells[from].filters);
    return join === "concat" ? widths.reduce((a, b) => a + b) : widths[0];
  };
  const remembers = cells.some((cell) => cell.passesMemory);
  for (const [layer, cell] of cells.entries()) {
    const mixed = new Set(sources[layer].map((from) => cells[from].filters)).size > 1;
    if (join === "add" && mixed) throw new UserError(`layer ${layer} adds up outputs of different numbers of filters`);
    if (join === "concat" && sources[layer].length > 1 && cell.readsBelow) {
      throw new UserError(
        `layer ${layer}: ${cell.name} compares its input with the output of the layer below, which has fewer channels ` +
          `where ${sources[layer].length} inputs are joined by concat; expected join: "add"`,
      );
    }
    if (remembers && layer > 0 && scale[layer] % scale[layer - 1] !== 0 && scale[layer - 1] % scale[layer] !== 0) {
      throw new UserError(
        `${cell.name} passes its memory from layer ${layer - 1} to ${layer}, whose scales ${scale[layer - 1]} and ` +
          `${scale[layer]} do not divide one another`,
      );
    }
  }
  const readers = [...cells.keys()].filter((layer) => layer > 0 && cells[layer].readsBelow);

  return {
    cells,
    wiring,

    inputChannels: (ofFirst) => cells.map((_, layer) => inputChannels(layer, ofFirst)),

    init: (random, ofFirst) =>
      Object.fromEntries(cells.map((cell, layer) => [layer, cell.init(random, inputChannels(layer, ofFirst))])),

    zeroState(batch, height, width) {
      const maps = (layer: number, channels: number) =>
        zeroFrames([batch, height / scale[layer], width / scale[layer], channels]);
      return {
        ...Object.fromEntries(
          cells.map((cell, layer) => [layer, cell.zeroState(batch, height / scale[layer], width / scale[layer])]),
        ),
        ...(remembers && { m: maps(last, cells[last].filters) }),
        ...(readers.length > 0 && {
          below: Object.fromEntries(readers.map((layer) => [layer, maps(layer, cells[layer - 1].filters)])),
        }),
      };
    },

    step(params, x, state) {
      const outputs: Frames[] = [];
      const next: Record<string, Tree> = {};
      const below: Record<string, Frames> = {};
      const increments: StackOutput["increments"] = [];
      // Several layers may read the same output at the same scale.
      const resampled = new Map<string, Frames>();
      const read = (from: number, to: number): Frames => {
        const key = `${from} at ${scale[to]}`;
        const known = resampled.get(key) ?? rescale(outputs[from], scale[from], scale[to], down);
        resampled.set(key, known);
        return known;
      };
      let m = state.m as Frames | undefined;
      let at = last;
      for (const [layer, cell] of cells.entries()) {
        atLayer(layer);
        const incoming = sources[layer].map((from) => read(from, layer));
        const input = layer === 0 ? x : joined(incoming, join);
        if (cell.passesMemory && m) {
          m = rescale(m, scale[at], scale[layer], down);
          at = layer;
        }
        const result = cell.step(
          params[layer],
          { x: input, m, below: (state.below as PerLayer | undefined)?.[layer] as Frames | undefined },
          state[layer] as Tree,
        );
        outputs.push(result.h);
        next[layer] = result.state;
        m = result.m ?? m;
        if (result.increments) increments.push(result.increments);
        if (readers.includes(layer)) below[layer] = read(layer - 1, layer);
      }
      atLayer(-1);
      const kept = { ...next, ...(m && { m }), ...(readers.length > 0 && { below }) };
      return { h: outputs[last], state: kept, increments };
    },
  };
}

const joined = (incoming: readonly Frames[], join: Wiring["join"]): Frames =>
  join === "concat" && incoming.length > 1
    ? tf.concat(incoming as Frames[], 3)
    : incoming.reduce((sum, frames) => tf.add(sum, frames));
