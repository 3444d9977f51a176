import * as tf from "@tensorflow/tfjs";
import { type Convolved, initConvolution } from "../initialize";
import { convolve, zeroFrames } from "../ops/convolve";
import { gruGates, LEAKY_SLOPE } from "../ops/gates";
import { warp } from "../ops/warp";
import type { Citation, Frames } from "../types";
import type { Cell, CellOptions } from "./cell";
import { convolveSum, countJoined, initJoined, type Joined } from "./joined";

export type TrajGruParams = {
  /** 3C channels: z, r, n */
  readonly input: Convolved;
  readonly query: Joined<"x" | "h">;
  /** 2K channels: link j uses 2j (horizontal) and 2j + 1 (vertical) */
  readonly flow: Convolved;
  /** 1x1, K·C -> 3C, link-major: z, r, n */
  readonly project: Convolved;
};

/** [batch, height, width, C]. */
export type TrajGruState = { readonly h: Frames };

const cites: Citation = {
  key: "shi2017trajgru",
  title: "Deep Learning for Precipitation Nowcasting: A Benchmark and A New Model",
  authors: "Shi, Gao, Lausen, Wang, Yeung, Wong, Woo",
  year: 2017,
  url: "https://arxiv.org/abs/1706.03458",
  checked: "yes",
};

/**
 * TrajGRU (SPEC 2.2): a GRU whose state is read along K learnt flows.
 *
 *     q = leaky( Wxf*x + Whf*h );   flow = Wflow*q;   s_j = warp(h, -flow_j)
 *     zh, rh, nh = split( P·[s_1;...;s_K] );   zx, rx, nx = split( Wx*x )
 *     z = σ(zx+zh);   r = σ(rx+rh);   n = leaky(nx + r⊙nh);   h' = (1-z)⊙n + z⊙h
 *
 * x input [batch, H, W, inputChannels]; h state [batch, H, W, C], zero at the start; leaky slope 0.2. Parameters: 45C² + 3KC² + 18KC
 * + 8C + 2K for k = 3 and C input channels. Source: Shi et al. 2017 as in the MS-RNN code.
 */
export function trajGru({
  filters = 64,
  kernelSize = 3,
  links = 10,
  alignment,
}: CellOptions = {}): Cell<TrajGruParams, TrajGruState> {
  const query = (x: number) => ({ x, h: filters });
  return {
    name: "TrajGRU",
    cites,
    filters,

    init: (random, inputChannels) => ({
      input: initConvolution(random, kernelSize, inputChannels, 3 * filters),
      query: initJoined(random, kernelSize, query(inputChannels), filters),
      flow: initConvolution(random, kernelSize, filters, 2 * links),
      project: initConvolution(random, 1, links * filters, 3 * filters),
    }),

    zeroState: (batch, height, width) => ({ h: zeroFrames([batch, height, width, filters]) }),

    step({ input, query, flow, project }, { x }, { h }) {
      const q = tf.leakyRelu(convolveSum(query, { x, h }), LEAKY_SLOPE);
      const read = warp(h, convolve(q, flow.kernel, flow.bias), { sign: -1, alignment });
      const zh = convolve(read, project.kernel, project.bias);
      const zx = convolve(x, input.kernel, input.bias);
      const hNext = gruGates(zx, zh, h, { activation: "leaky" });
      return { h: hNext, state: { h: hNext } };
    },

    convolutions: (inputChannels) => [
      { kernelSize, inChannels: inputChannels, outChannels: 3 * filters },
      ...countJoined(kernelSize, query(inputChannels), filters),
      { kernelSize, inChannels: filters, outChannels: 2 * links },
      { kernelSize: 1, inChannels: links * filters, outChannels: 3 * filters },
    ],
  };
}
