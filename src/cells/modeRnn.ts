import * as tf from "@tensorflow/tfjs";
import { type Convolved, initConvolution } from "../initialize";
import type { Random } from "../random";
import type { Citation } from "../types";
import type { Cell, CellOptions, Convolution } from "./cell";
import { type ConvLstmParams, type ConvLstmState, convLstm } from "./convLstm";
import { embedContext, ROUNDS } from "./rounds";

/** Convolutions of three sizes whose results are averaged. */
type Detail = { readonly [size in "three" | "five" | "seven"]: Convolved };

export type ModeRnnParams = {
  readonly lstm: ConvLstmParams;
  /** On h, gate of x */
  readonly gateX: Detail;
  /** On x, gate of h */
  readonly gateH: Detail;
};

const cites: Citation = {
  key: "chai2022modernn",
  title: "MoDeRNN: Towards Fine-grained Motion Details for Spatiotemporal Predictive Learning",
  authors: "Chai, Xu, Yuan",
  year: 2022,
  url: "https://arxiv.org/abs/2110.12978",
  checked: "yes",
};

const SIZES = { three: 3, five: 5, seven: 7 } as const;
/** Of the largest kernel, into which the others are laid. */
const LARGEST = 7;

/**
 * The convolution that is the mean of three: kernels that read the same map are added up, the smaller ones in the middle of the
 * largest, which takes 49 multiply-adds a weight instead of 83.
 */
function mean({ three, five, seven }: Detail): Convolved {
  const widened = [three, five].map(({ kernel }) => {
    const edge = (LARGEST - kernel.shape[0]) / 2;
    const around: [number, number] = [edge, edge];
    return tf.pad(kernel, [around, around, [0, 0], [0, 0]]);
  });
  const kernel = tf.div<tf.Tensor4D>(tf.addN([...widened, seven.kernel]), 3);
  return { kernel, bias: tf.div<tf.Tensor1D>(tf.addN([three.bias, five.bias, seven.bias]), 3) };
}

/**
 * MoDeRNN (SPEC 2.10): input and state look at one another in five rounds before a ConvLSTM step.
 *
 *     odd rounds:  x := 2σ( (K3*h + K5*h + K7*h)/3 )⊙x;   even rounds:  h := 2σ( (L3*x + L5*x + L7*x)/3 )⊙h
 *
 * Kernels of 3x3, 5x5 and 7x7 whatever `kernelSize` is, the same in all rounds; x must have C channels. Parameters: 238C² + 14C for
 * k = 3. Source: Chai et al. 2022 as in the MS-RNN code.
 */
export function modeRnn(options: CellOptions = {}): Cell<ModeRnnParams, ConvLstmState> {
  const lstm = convLstm(options);
  const { filters } = lstm;
  const detail = (random: Random, inChannels: number, outChannels: number): Detail => ({
    three: initConvolution(random, SIZES.three, inChannels, outChannels),
    five: initConvolution(random, SIZES.five, inChannels, outChannels),
    seven: initConvolution(random, SIZES.seven, inChannels, outChannels),
  });
  return {
    name: "MoDeRNN",
    cites,
    filters,

    init: (random, inputChannels) => ({
      lstm: lstm.init(random, inputChannels),
      gateX: detail(random, filters, inputChannels),
      gateH: detail(random, inputChannels, filters),
    }),

    zeroState: lstm.zeroState,

    step(params, input, state) {
      const { x, h } = embedContext(input.x, state.h, mean(params.gateX), mean(params.gateH));
      return lstm.step(params.lstm, { x }, { h, c: state.c });
    },

    // As the equations write them: three sizes in each of the rounds.
    convolutions(inputChannels) {
      const rounds = Array.from({ length: ROUNDS }, (_, i): Convolution[] => {
        const [inChannels, outChannels] = i % 2 === 0 ? [filters, inputChannels] : [inputChannels, filters];
        return Object.values(SIZES).map((kernelSize) => ({ kernelSize, inChannels, outChannels }));
      });
      return [...lstm.convolutions(inputChannels), ...rounds.flat()];
    },
  };
}
