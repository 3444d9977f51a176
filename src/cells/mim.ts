import * as tf from "@tensorflow/tfjs";
import { type Convolved, initConvolution } from "../initialize";
import { convolve, isZeroFrames, zeroFrames } from "../ops/convolve";
import { memoryAndOutput, memoryGates, outputGate } from "../ops/gates";
import type { Random } from "../random";
import type { Citation, Frames } from "../types";
import type { Cell, CellInput, CellOptions, Convolution } from "./cell";
import { convolveSum, countJoined, initJoined, type Joined } from "./joined";
import { countStLstm, initStLstm, type StLstmParams, type StLstmParts, stLstmParts } from "./predRnn";

export type MimParams = {
  readonly lstm: StLstmParams;
  /** MIM-N, on the difference d */
  readonly nonStationary?: {
    /** 3C channels: i, f, g */
    readonly gates: Joined<"d" | "n">;
    readonly output: Joined<"d" | "n">;
  };
  /** MIM-S, on D of MIM-N */
  readonly stationary?: {
    /** 4C channels: i, f, g, o */
    readonly gates: Joined<"d" | "c">;
    readonly output: Convolved;
  };
};

/** All [batch, height, width, C]; n and s where the layer has MIM-N and MIM-S. */
export type MimState = { readonly h: Frames; readonly c: Frames; readonly n?: Frames; readonly s?: Frames };

const cites: Citation = {
  key: "wang2019mim",
  title:
    "Memory In Memory: A Predictive Neural Network for Learning Higher-Order Non-Stationarity from Spatiotemporal Dynamics",
  authors: "Wang, Zhang, Zhu, Long, Wang, Yu",
  year: 2019,
  url: "https://arxiv.org/abs/1811.07490",
  checked: "yes",
};

/** A layer's place among MIM's, as its pieces need it. */
export interface MimLayer {
  readonly filters: number;
  readonly kernelSize: number;
  /** It has the weights of MIM-N and MIM-S: all layers but the first, which has them only to be complete. */
  readonly has: boolean;
  /** They change its output. */
  readonly uses: boolean;
}

export const mimLayer = ({ filters = 64, kernelSize = 3, complete = false }: CellOptions, layer: number): MimLayer => ({
  filters,
  kernelSize,
  has: layer > 0 || complete,
  uses: layer > 0,
});

export function initMim(random: Random, inputChannels: number, layer: MimLayer): MimParams {
  const { filters, kernelSize, has } = layer;
  const [d, n, c] = [inputChannels, filters, filters];
  return {
    lstm: initStLstm(random, inputChannels, layer),
    ...(has && {
      nonStationary: {
        gates: initJoined(random, kernelSize, { d, n }, 3 * filters),
        output: initJoined(random, kernelSize, { d, n }, filters),
      },
      stationary: {
        gates: initJoined(random, kernelSize, { d: filters, c }, 4 * filters),
        output: initConvolution(random, kernelSize, filters, filters),
      },
    }),
  };
}

export function zeroMim({ filters, has }: MimLayer, batch: number, height: number, width: number): MimState {
  const zero = () => zeroFrames([batch, height, width, filters]);
  return { h: zero(), c: zero(), ...(has && { n: zero(), s: zero() }) };
}

export function countMim(inputChannels: number, layer: MimLayer): Convolution[] {
  const { filters, kernelSize, has } = layer;
  const [d, n, c] = [inputChannels, filters, filters];
  const more = [
    ...countJoined(kernelSize, { d, n }, 3 * filters),
    ...countJoined(kernelSize, { d, n }, filters),
    ...countJoined(kernelSize, { d: filters, c }, 4 * filters),
    { kernelSize, inChannels: filters, outChannels: filters },
  ];
  return [...countStLstm(inputChannels, layer), ...(has ? more : [])];
}

/** MIM's equations up to its last line: the parts of its ST-LSTM, and n' and s' where the layer has them. */
export function mimParts(
  { lstm, nonStationary, stationary }: MimParams,
  { x, m, below }: CellInput,
  { h, c, n, s }: MimState,
  { uses }: MimLayer,
): StLstmParts & { n?: Frames; s?: Frames } {
  if (!nonStationary || !stationary || !n || !s) return stLstmParts(lstm, x, { h, c }, m as Frames);
  const d = below && !isZeroFrames(below) ? tf.sub<Frames>(x, below) : x;
  const nNext = memoryGates(convolveSum(nonStationary.gates, { d, n }), n);
  const difference = outputGate(convolveSum(nonStationary.output, { d, n: nNext }), nNext);
  const [sNext, o] = memoryAndOutput(convolveSum(stationary.gates, { d: difference, c }), s);
  const gate = tf.add<Frames>(o, convolve(sNext, stationary.output.kernel, stationary.output.bias));
  const kept = uses ? outputGate(gate, sNext) : undefined;
  return { ...stLstmParts(lstm, x, { h, c }, m as Frames, kept), n: nNext, s: sNext };
}

/**
 * MIM (SPEC 2.5): an ST-LSTM whose forget term two more memories make of the difference to the layer below a step ago:
 *
 *     d = x - x_prev
 *     i, f, g = split( Wd*d + Wn*n );      n' = σ(f)⊙n + σ(i)⊙tanh(g);   D = σ( Wdo*d + Wno*n' )⊙tanh(n')      (MIM-N)
 *     i, f, g, o = split( WD*D + Wc*c );   s' = σ(f)⊙s + σ(i)⊙tanh(g);   T = σ( o + Wso*s' )⊙tanh(s')          (MIM-S)
 *     then the ST-LSTM of PredRNN with  c' = T + σ(i)⊙tanh(g)
 *
 * x_prev is h of the layer below at the time step before. The first layer is a plain ST-LSTM: what the published code computes
 * there of MIM-N and MIM-S changes nothing, and is left out but for `complete`. The f channels of the ST-LSTM's product are
 * unused in the other layers. All tensors [batch, H, W, C], states zero at the start. Parameters: 299C² + 34C for k = 3 and C input
 * channels. Source: Wang et al. 2019 as in the MS-RNN code.
 */
export function mim(options: CellOptions = {}, layer = 0): Cell<MimParams, MimState> {
  const place = mimLayer(options, layer);
  return {
    name: "MIM",
    cites,
    filters: place.filters,
    passesMemory: true,
    readsBelow: place.has,
    init: (random, inputChannels) => initMim(random, inputChannels, place),
    zeroState: (batch, height, width) => zeroMim(place, batch, height, width),
    step(params, input, state) {
      const { c, m, o, u, n, s } = mimParts(params, input, state, place);
      const h = outputGate(o, u);
      return { h, state: { h, c, ...(n && s && { n, s }) }, m };
    },
    convolutions: (inputChannels) => countMim(inputChannels, place),
  };
}
