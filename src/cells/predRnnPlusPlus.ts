import * as tf from "@tensorflow/tfjs";
import { type Convolved, initConvolution } from "../initialize";
import { convolve, convolveJoined, zeroFrames } from "../ops/convolve";
import { highway, memoryGates, outputGate } from "../ops/gates";
import type { Citation, Frames } from "../types";
import type { Cell, CellOptions } from "./cell";
import { convolveSum, countJoined, initJoined, type Joined } from "./joined";

export type CausalLstmParams = {
  /** On [x; h; c], 3C channels: i, f, g */
  readonly gates: Convolved;
  /** On [x; c'; m], 3C channels: i', f', g' */
  readonly memory: Convolved;
  /** 1x1 on m */
  readonly transit: Convolved;
  /** On [x; c'; m'] */
  readonly output: Convolved;
  /** 1x1, 2C -> C */
  readonly reduce: Convolved;
  /** 2C channels: p, s */
  readonly highway?: Joined<"x" | "z">;
};

/** All [batch, height, width, C]; z where there is a highway. */
export type CausalLstmState = { readonly h: Frames; readonly c: Frames; readonly z?: Frames };

const cites: Citation = {
  key: "wang2018predrnnpp",
  title: "PredRNN++: Towards A Resolution of the Deep-in-Time Dilemma in Spatiotemporal Predictive Learning",
  authors: "Wang, Gao, Long, Wang, Yu",
  year: 2018,
  url: "https://arxiv.org/abs/1804.06300",
  checked: "yes",
};

/** Where the gradient highway is: the second layer. */
const HIGHWAY_LAYER = 1;

/**
 * PredRNN++'s causal LSTM (SPEC 2.4); with `layer` 1 with the gradient highway before it:
 *
 *     p, s = split( Wx*x + Wz*z );   z' = σ(s)⊙tanh(p) + (1-σ(s))⊙z;   x := z'     (layer 1 alone)
 *     i, f, g = split( A*[x;h;c] );      c' = σ(f)⊙c + σ(i)⊙tanh(g)
 *     i', f', g' = split( Bm*[x;c';m] ); m' = σ(f')⊙tanh(M·m) + σ(i')⊙tanh(g')
 *     O  = tanh( Wo*[x;c';m'] )
 *     h' = O⊙tanh( W1·[c';m'] )
 *
 * x input [batch, H, W, inputChannels]; h, c, z states, m memory [batch, H, W, C], zero at the start. Parameters with the highway:
 * 228C² + 13C for k = 3 and C input channels. The published code creates the highway's in every layer; `complete` does too.
 * Source: Wang et al. 2018 as in the MS-RNN code.
 */
export function predRnnPlusPlus(
  { filters = 64, kernelSize = 3, complete = false }: CellOptions = {},
  layer = 0,
): Cell<CausalLstmParams, CausalLstmState> {
  const travels = layer === HIGHWAY_LAYER;
  const road = (x: number) => ({ x, z: filters });
  return {
    name: "PredRNN++",
    cites,
    filters,
    passesMemory: true,

    init(random, inputChannels) {
      // The highway hands on C channels.
      const x = travels ? filters : inputChannels;
      return {
        gates: initConvolution(random, kernelSize, x + 2 * filters, 3 * filters),
        memory: initConvolution(random, kernelSize, x + 2 * filters, 3 * filters),
        transit: initConvolution(random, 1, filters, filters),
        output: initConvolution(random, kernelSize, x + 2 * filters, filters),
        reduce: initConvolution(random, 1, 2 * filters, filters),
        ...((travels || complete) && { highway: initJoined(random, kernelSize, road(inputChannels), 2 * filters) }),
      };
    },

    zeroState(batch, height, width) {
      const shape: Frames["shape"] = [batch, height, width, filters];
      return { h: zeroFrames(shape), c: zeroFrames(shape), ...(travels && { z: zeroFrames(shape) }) };
    },

    step(params, { x: input, m: memory }, { h, c, z }) {
      const { gates, transit, output, reduce } = params;
      const m = memory as Frames;
      const zNext = travels ? highway(convolveSum(params.highway!, { x: input, z: z! }), z!) : undefined;
      const x = zNext ?? input;
      const cNext = memoryGates(convolveJoined([x, h, c], gates.kernel, gates.bias), c);
      const mNext = memoryGates(
        convolveJoined([x, cNext, m], params.memory.kernel, params.memory.bias),
        convolve(m, transit.kernel, transit.bias),
        { memory: "tanh" },
      );
      const o = convolveJoined([x, cNext, mNext], output.kernel, output.bias);
      const u = convolve(tf.concat([cNext, mNext], 3), reduce.kernel, reduce.bias);
      const hNext = outputGate(o, u, { gate: "tanh" });
      return { h: hNext, state: { h: hNext, c: cNext, ...(zNext && { z: zNext }) }, m: mNext };
    },

    convolutions(inputChannels) {
      const inChannels = (travels ? filters : inputChannels) + 2 * filters;
      return [
        { kernelSize, inChannels, outChannels: 3 * filters },
        { kernelSize, inChannels, outChannels: 3 * filters },
        { kernelSize: 1, inChannels: filters, outChannels: filters },
        { kernelSize, inChannels, outChannels: filters },
        { kernelSize: 1, inChannels: 2 * filters, outChannels: filters },
        ...(travels ? countJoined(kernelSize, road(inputChannels), 2 * filters) : []),
      ];
    },
  };
}
