import * as tf from "@tensorflow/tfjs";
import { type Convolved, initConvolution } from "../initialize";
import { convolve, zeroFrames } from "../ops/convolve";
import { memoryAndOutput, outputGate } from "../ops/gates";
import type { Citation, Frames } from "../types";
import type { Cell, CellOptions } from "./cell";
import { convolveSum, countJoined, initJoined, type Joined } from "./joined";

export type MkLstmParams = {
  /** 3x3, 4C channels: i, f, g, o */
  readonly small: Joined<"x" | "h">;
  /** 5x5, 4C channels: i, f, g, o */
  readonly large: Joined<"x" | "h">;
  /** 3x3 on c3' */
  readonly outputSmall: Convolved;
  /** 5x5 on c5' */
  readonly outputLarge: Convolved;
  /** 1x1, 2C -> C */
  readonly reduce: Convolved;
};

/** All [batch, height, width, C]. */
export type MkLstmState = { readonly h: Frames; readonly c3: Frames; readonly c5: Frames };

const cites: Citation = {
  key: "ma2023mslstm",
  title: "MS-LSTM: Exploring Spatiotemporal Multiscale Representations in Video Prediction Domain",
  authors: "Ma, Zhang, Liu",
  year: 2023,
  url: "https://arxiv.org/abs/2304.07724",
  checked: "yes",
};

const SMALL = 3;
const LARGE = 5;

/**
 * MK-LSTM, the cell of MS-LSTM (SPEC 2.11): two LSTM products side by side, with kernels of 3x3 and 5x5 whatever `kernelSize` is.
 *
 *     i3, f3, g3, o3 = split( W3x*x + W3h*h );   c3' = σ(f3)⊙c3 + σ(i3)⊙tanh(g3);   the same with 5x5 kernels for c5'
 *     O  = σ( o3 + o5 + W3*c3' + W5*c5' )
 *     h' = O⊙tanh( W1·[c3';c5'] )
 *
 * x input [batch, H, W, inputChannels]; h, c3, c5 states [batch, H, W, C], zero at the start. Parameters: 308C² + 19C for C input
 * channels. Source: the MS-RNN code, by the authors of the paper, which was not at hand.
 */
export function mkLstm({ filters = 64 }: CellOptions = {}): Cell<MkLstmParams, MkLstmState> {
  const inputs = (x: number) => ({ x, h: filters });
  return {
    name: "MK-LSTM",
    cites,
    filters,

    init: (random, inputChannels) => ({
      small: initJoined(random, SMALL, inputs(inputChannels), 4 * filters),
      large: initJoined(random, LARGE, inputs(inputChannels), 4 * filters),
      outputSmall: initConvolution(random, SMALL, filters, filters),
      outputLarge: initConvolution(random, LARGE, filters, filters),
      reduce: initConvolution(random, 1, 2 * filters, filters),
    }),

    zeroState(batch, height, width) {
      const zero = () => zeroFrames([batch, height, width, filters]);
      return { h: zero(), c3: zero(), c5: zero() };
    },

    step({ small, large, outputSmall, outputLarge, reduce }, { x }, { h, c3, c5 }) {
      const [next3, o3] = memoryAndOutput(convolveSum(small, { x, h }), c3);
      const [next5, o5] = memoryAndOutput(convolveSum(large, { x, h }), c5);
      const fine = convolve(next3, outputSmall.kernel, outputSmall.bias);
      const coarse = convolve(next5, outputLarge.kernel, outputLarge.bias);
      const u = convolve(tf.concat([next3, next5], 3), reduce.kernel, reduce.bias);
      const hNext = outputGate(tf.addN([o3, o5, fine, coarse]) as Frames, u);
      return { h: hNext, state: { h: hNext, c3: next3, c5: next5 } };
    },

    convolutions: (inputChannels) => [
      ...countJoined(SMALL, inputs(inputChannels), 4 * filters),
      ...countJoined(LARGE, inputs(inputChannels), 4 * filters),
      { kernelSize: SMALL, inChannels: filters, outChannels: filters },
      { kernelSize: LARGE, inChannels: filters, outChannels: filters },
      { kernelSize: 1, inChannels: 2 * filters, outChannels: filters },
    ],
  };
}
