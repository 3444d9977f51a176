import * as tf from "@tensorflow/tfjs";
import { type Convolved, initConvolution } from "../initialize";
import { convolve, zeroFrames } from "../ops/convolve";
import { memoryAndOutput, memoryGates, outputGate } from "../ops/gates";
import type { Random } from "../random";
import type { Citation, Frames } from "../types";
import type { Cell, CellOptions, Convolution } from "./cell";
import { convolveSum, countJoined, initJoined, type Joined } from "./joined";

export type StLstmParams = {
  /** 4C channels: i, f, g, o */
  readonly gates: Joined<"x" | "h">;
  /** 3C channels: i', f', g' */
  readonly memory: Joined<"x" | "m">;
  readonly output: Joined<"c" | "m">;
  /** 1x1, 2C -> C */
  readonly reduce: Convolved;
};

/** Both [batch, height, width, C]. */
export type StLstmState = { readonly h: Frames; readonly c: Frames };

const cites: Citation = {
  key: "wang2017predrnn",
  title: "PredRNN: Recurrent Neural Networks for Predictive Learning using Spatiotemporal LSTMs",
  authors: "Wang, Long, Wang, Gao, Yu",
  year: 2017,
  url: "https://proceedings.neurips.cc/paper/2017/hash/e5f6ad6ce374177eef023bf5d0c018b6-Abstract.html",
  checked: "yes",
};

interface Sizes {
  readonly filters: number;
  readonly kernelSize: number;
}

const widths = (filters: number, inputChannels: number) => ({
  gates: { x: inputChannels, h: filters },
  memory: { x: inputChannels, m: filters },
  output: { c: filters, m: filters },
});

export function initStLstm(random: Random, inputChannels: number, { filters, kernelSize }: Sizes): StLstmParams {
  const { gates, memory, output } = widths(filters, inputChannels);
  return {
    gates: initJoined(random, kernelSize, gates, 4 * filters),
    memory: initJoined(random, kernelSize, memory, 3 * filters),
    output: initJoined(random, kernelSize, output, filters),
    reduce: initConvolution(random, 1, 2 * filters, filters),
  };
}

export function countStLstm(inputChannels: number, { filters, kernelSize }: Sizes): Convolution[] {
  const { gates, memory, output } = widths(filters, inputChannels);
  return [
    ...countJoined(kernelSize, gates, 4 * filters),
    ...countJoined(kernelSize, memory, 3 * filters),
    ...countJoined(kernelSize, output, filters),
    { kernelSize: 1, inChannels: 2 * filters, outChannels: filters },
  ];
}

/** What an ST-LSTM makes of its inputs, before the last product: h' = σ(o)⊙tanh(u). */
export interface StLstmParts {
  readonly c: Frames;
  readonly m: Frames;
  /** Of the output gate, before its activation. */
  readonly o: Frames;
  readonly u: Frames;
  /** σ(i)⊙tanh(g) of c and of m. */
  readonly increments: () => readonly [Frames, Frames];
}

/** σ(i)⊙tanh(g) of pre-activations i, f, g and more. */
function increment(z: Frames, filters: number): Frames {
  const channels = (first: number) => tf.slice(z, [0, 0, 0, first], [-1, -1, -1, filters]);
  return tf.mul(tf.sigmoid(channels(0)), tf.tanh(channels(2 * filters)));
}

/**
 * The equations of the ST-LSTM up to its last line. `kept` stands for σ(f)⊙c where it is given, as in MIM: the channels f then
 * change nothing.
 */
export function stLstmParts(
  { gates, memory, output, reduce }: StLstmParams,
  x: Frames,
  { h, c }: StLstmState,
  m: Frames,
  kept?: Frames,
): StLstmParts {
  const z = convolveSum(gates, { x, h });
  const [cNext, o] = kept ? memoryAndOutput(z, kept, { forget: "none" }) : memoryAndOutput(z, c);
  const zm = convolveSum(memory, { x, m });
  const mNext = memoryGates(zm, m);
  const filters = c.shape[3];
  return {
    c: cNext,
    m: mNext,
    o: tf.add(o, convolveSum(output, { c: cNext, m: mNext })),
    u: convolve(tf.concat([cNext, mNext], 3), reduce.kernel, reduce.bias),
    increments: () => [increment(z, filters), increment(zm, filters)],
  };
}

/**
 * PredRNN's ST-LSTM (SPEC 2.3), with a memory m that passes through all layers:
 *
 *     i, f, g, o = split( Wx*x + Wh*h );     c' = σ(f)⊙c + σ(i)⊙tanh(g)
 *     i', f', g' = split( Wxm*x + Wmm*m );   m' = σ(f')⊙m + σ(i')⊙tanh(g')
 *     O  = σ( o + Wco*c' + Wmo*m' )
 *     h' = O⊙tanh( W1·[c';m'] )
 *
 * x input [batch, H, W, inputChannels]; h, c states, m memory [batch, H, W, C], zero at the start. Parameters: 146C² + 17C for
 * k = 3 and C input channels. Source: Wang et al. 2017 as in the MS-RNN code: no layer normalisation.
 */
export function predRnn({ filters = 64, kernelSize = 3 }: CellOptions = {}): Cell<StLstmParams, StLstmState> {
  const sizes = { filters, kernelSize };
  return {
    name: "PredRNN",
    cites,
    filters,
    passesMemory: true,

    init: (random, inputChannels) => initStLstm(random, inputChannels, sizes),

    zeroState(batch, height, width) {
      const shape: Frames["shape"] = [batch, height, width, filters];
      return { h: zeroFrames(shape), c: zeroFrames(shape) };
    },

    step(params, { x, m }, state) {
      const { c, m: mNext, o, u, increments } = stLstmParts(params, x, state, m as Frames);
      const h = outputGate(o, u);
      return { h, state: { h, c }, m: mNext, increments };
    },

    convolutions: (inputChannels) => countStLstm(inputChannels, sizes),
  };
}
