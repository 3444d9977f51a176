import * as tf from "@tensorflow/tfjs";
import { initConvolution } from "../initialize";
import { convolveJoined, zeroFrames } from "../ops/convolve";
import { lstmGates } from "../ops/gates";
import type { Citation, Frames } from "../types";
import type { Cell, CellOptions } from "./cell";

/** Input and state kernels joined along the input channels; both biases are kept, as optimisers move each of them. */
export type ConvLstmParams = {
  /** [k, k, inputChannels + C, 4C], output channels in the order i, f, g, o */
  readonly kernel: tf.Tensor4D;
  /** [4C] */
  readonly biasX: tf.Tensor1D;
  /** [4C] */
  readonly biasH: tf.Tensor1D;
};

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
  return {
    name: "ConvLSTM",
    cites,
    filters,

    init(random, inputChannels) {
      const x = initConvolution(random, kernelSize, inputChannels, 4 * filters);
      const h = initConvolution(random, kernelSize, filters, 4 * filters);
      const kernel = tf.concat([x.kernel, h.kernel], 2);
      tf.dispose([x.kernel, h.kernel]);
      return { kernel, biasX: x.bias, biasH: h.bias };
    },

    zeroState(batch, height, width) {
      const shape: [number, number, number, number] = [batch, height, width, filters];
      return { h: zeroFrames(shape), c: zeroFrames(shape) };
    },

    step({ kernel, biasX, biasH }, { x }, { h, c }) {
      const z = convolveJoined([x, h], kernel, tf.add(biasX, biasH));
      const [hNext, cNext] = lstmGates(z, c);
      return { h: hNext, state: { h: hNext, c: cNext } };
    },

    convolutions: (inputChannels) => [
      { kernelSize, inChannels: inputChannels, outChannels: 4 * filters },
      { kernelSize, inChannels: filters, outChannels: 4 * filters },
    ],
  };
}
