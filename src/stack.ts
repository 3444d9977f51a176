import * as tf from "@tensorflow/tfjs";
import type { Cell, CellAt } from "./cells/cell";
import { rescale } from "./ops/resample";
import { atLayer } from "./place";
import type { Random } from "./random";
import type { Frames, Tree } from "./types";
import type { Wiring } from "./wiring";

/** One tree per layer, under the layer's number. */
export type PerLayer = { readonly [layer: string]: Tree };

/** One recurrent step of a whole network: cells joined by a wiring. Pure, like a cell. */
export interface Stack {
  readonly cells: readonly Cell[];
  readonly wiring: Wiring;
  /** New parameters for inputs of `inputChannels` channels. */
  init(random: Random, inputChannels: number): PerLayer;
  /** Zero states for frames of height x width at full size; each layer's are at its own scale. */
  zeroState(batch: number, height: number, width: number): PerLayer;
  /** x [batch, height, width, inputChannels] -> h of the last layer [batch, height, width, filters], and the next state. */
  step(params: PerLayer, x: Frames, state: PerLayer): { h: Frames; state: PerLayer };
}

/** Joins the cells that `cellAt` makes for each layer by any wiring: `stack(() => convLstm(), multiScale)` is MS-ConvLSTM. */
export function stack(cellAt: CellAt, wiring: Wiring): Stack {
  const { scale, edges } = wiring;
  const cells = scale.map((_, layer) => cellAt(layer, scale.length));
  const sources = scale.map((_, layer) => edges.filter(([, to]) => to === layer).map(([from]) => from));
  const inputChannels = (layer: number, ofFirst: number) => (layer === 0 ? ofFirst : cells[sources[layer][0]].filters);

  return {
    cells,
    wiring,

    init: (random, ofFirst) =>
      Object.fromEntries(cells.map((cell, layer) => [layer, cell.init(random, inputChannels(layer, ofFirst))])),

    zeroState: (batch, height, width) =>
      Object.fromEntries(
        cells.map((cell, layer) => [layer, cell.zeroState(batch, height / scale[layer], width / scale[layer])]),
      ),

    step(params, x, state) {
      const outputs: Frames[] = [];
      const next: Record<string, Tree> = {};
      // Several layers may read the same output at the same scale.
      const resampled = new Map<string, Frames>();
      const read = (from: number, to: number): Frames => {
        const key = `${from} at ${scale[to]}`;
        const known = resampled.get(key) ?? rescale(outputs[from], scale[from], scale[to]);
        resampled.set(key, known);
        return known;
      };
      for (const [layer, cell] of cells.entries()) {
        atLayer(layer);
        const incoming = sources[layer].map((from) => read(from, layer));
        const input = layer === 0 ? x : incoming.reduce((sum, frames) => tf.add(sum, frames));
        const { h, state: s } = cell.step(params[layer], { x: input }, state[layer]);
        outputs.push(h);
        next[layer] = s;
      }
      atLayer(-1);
      return { h: outputs[outputs.length - 1], state: next };
    },
  };
}
