import { zeroFrames } from "../ops/convolve";
import { lstmGates } from "../ops/gates";
import type { Citation, Frames } from "../types";
import type { Cell, CellOptions } from "./cell";
import { convolveSum, countJoined, initJoined, type Joined } from "./joined";

/** 4C output channels in the order i, f, g, o. */
export type ConvLstmParams = Joined<"x" | "h">;

/** Both [batch, height, width, C]. */
export type ConvLstmState = { readonly h: Frames; readonly c: Frames };

const cites: Citation = {
  key: "shi2015convlstm",
  title: "Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting",
  authors: "Shi, Chen, Wang, Yeung, Wong, Woo",
  year: 2015,
  url: "https://arxiv.org/abs/1506.04214",
  checked: "yes",
};

/**
 * ConvLSTM without peepholes, as in the MS-RNN code (SPEC 2.1):
 *
 *     i, f, g, o = split( Wx*x + bx + Wh*h + bh )
 *     c' = σ(f)⊙c + σ(i)⊙tanh(g)
 *     h' = σ(o)⊙tanh(c')
 *
 * x input [batch, H, W, inputChannels]; h hidden state and c cell state [batch, H, W, C], zero at the start; Wx, Wh k x k
 * kernels to 4C channels; i f g o gates. Parameters: 72C² + 8C for k = 3 and C input channels.
 *
 * Source: Shi et al. 2015, equation 3; the paper has peepholes (∘ c), the MS-RNN code and we have none. No forget-gate
 * bias; weights and biases uniform in ±1/sqrt(fan_in).
 */
export function convLstm({ filters = 64, kernelSize = 3 }: CellOptions = {}): Cell<ConvLstmParams, ConvLstmState> {
  const inputs = (x: number) => ({ x, h: filters });
  return {
    name: "ConvLSTM",
    cites,
    filters,

    init: (random, inputChannels) => initJoined(random, kernelSize, inputs(inputChannels), 4 * filters),

    zeroState(batch, height, width) {
      const shape: Frames["shape"] = [batch, height, width, filters];
      return { h: zeroFrames(shape), c: zeroFrames(shape) };
    },

    step(params, { x }, { h, c }) {
      const [hNext, cNext] = lstmGates(convolveSum(params, { x, h }), c);
      return { h: hNext, state: { h: hNext, c: cNext } };
    },

    convolutions: (inputChannels) => countJoined(kernelSize, inputs(inputChannels), 4 * filters),
  };
}
