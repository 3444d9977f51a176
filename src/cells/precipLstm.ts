import * as tf from "@tensorflow/tfjs";
import { type Convolved, initConvolution, initKernel } from "../initialize";
import { localAttention } from "../ops/attention";
import { convolve, isZeroFrames, zeroFrames } from "../ops/convolve";
import { memoryAndOutput, memoryGates, outputGate } from "../ops/gates";
import type { Citation, Frames } from "../types";
import type { Cell, CellOptions } from "./cell";
import { convolveSum, countJoined, initJoined, type Joined } from "./joined";

export type PrecipLstmParams = {
  /** 1x1, no bias */
  readonly attention: { readonly query: tf.Tensor4D; readonly key: tf.Tensor4D; readonly value: tf.Tensor4D };
  readonly attended: Convolved;
  /** 4C channels: i, f, g, o */
  readonly gates: Joined<"x" | "h">;
  /** 3C channels each: i, f, g */
  readonly memory: Joined<"x" | "m">;
  readonly spatial: Joined<"x" | "s">;
  readonly temporal: Joined<"d" | "t">;
  readonly output: Joined<"c" | "s" | "t" | "m">;
  /** 1x1, 4C -> C */
  readonly reduce: Convolved;
};

/** All [batch, height, width, C]; x is the layer's input of the time step before. */
export type PrecipLstmState = {
  readonly h: Frames;
  readonly c: Frames;
  readonly ms: Frames;
  readonly mt: Frames;
  readonly x: Frames;
};

const cites: Citation = {
  key: "ma2022preciplstm",
  title: "PrecipLSTM: A Meteorological Spatiotemporal LSTM for Precipitation Nowcasting",
  authors: "Ma, Zhang, Liu",
  year: 2022,
  checked: "yes",
};

/**
 * PrecipLSTM (SPEC 2.8): an ST-LSTM with two more memories, on an input that attends to its surroundings.
 *
 *     x^ = x + Wa*LA(x)
 *     c', o from Wx*x^ + Wh*h;   m' from Wxm*x^ + Wm*m;   ms' from Wxs*x^ + Ws*ms;   mt' from Wxt*(x - x_prev) + Wt*mt
 *     O  = σ( o + Wco*c' + Wso*ms' + Wto*mt' + Wmo*m' );   h' = O⊙tanh( W1·[c';ms';mt';m'] )
 *
 * each memory as σ(f)⊙memory + σ(i)⊙tanh(g). x_prev is the same layer's input at the time step before; LA local attention in a window of
 * 30 x 30 at every scale. All tensors [batch, H, W, C], states zero at the start, as many channels in as out. Parameters:
 * 286C² + 32C for k = 3. Source: Ma et al. 2022 as in the MS-RNN code, whose attention needs a GPU operation of its own.
 */
export function precipLstm({
  filters = 64,
  kernelSize = 3,
  window = 30,
}: CellOptions = {}): Cell<PrecipLstmParams, PrecipLstmState> {
  const widths = (x: number) => ({
    gates: { x, h: filters },
    memory: { x, m: filters },
    spatial: { x, s: filters },
    temporal: { d: x, t: filters },
    output: { c: filters, s: filters, t: filters, m: filters },
  });
  return {
    name: "PrecipLSTM",
    cites,
    filters,
    passesMemory: true,

    init(random, x) {
      const { gates, memory, spatial, temporal, output } = widths(x);
      return {
        attention: {
          query: initKernel(random, 1, x, x),
          key: initKernel(random, 1, x, x),
          value: initKernel(random, 1, x, x),
        },
        attended: initConvolution(random, kernelSize, x, x),
        gates: initJoined(random, kernelSize, gates, 4 * filters),
        memory: initJoined(random, kernelSize, memory, 3 * filters),
        spatial: initJoined(random, kernelSize, spatial, 3 * filters),
        temporal: initJoined(random, kernelSize, temporal, 3 * filters),
        output: initJoined(random, kernelSize, output, filters),
        reduce: initConvolution(random, 1, 4 * filters, filters),
      };
    },

    zeroState(batch, height, width) {
      const zero = () => zeroFrames([batch, height, width, filters]);
      return { h: zero(), c: zero(), ms: zero(), mt: zero(), x: zero() };
    },

    step(params, { x, m: memory }, { h, c, ms, mt, x: before }) {
      const { attention, attended, gates, spatial, temporal, output, reduce } = params;
      const m = memory as Frames;
      const [query, key, value] = [attention.query, attention.key, attention.value].map((kernel) =>
        tf.conv2d(x, kernel, 1, "same"),
      );
      const around = localAttention(query, key, value, window);
      const seen = tf.add<Frames>(x, convolve(around, attended.kernel, attended.bias));
      const [cNext, o] = memoryAndOutput(convolveSum(gates, { x: seen, h }), c);
      const mNext = memoryGates(convolveSum(params.memory, { x: seen, m }), m);
      const msNext = memoryGates(convolveSum(spatial, { x: seen, s: ms }), ms);
      const d = isZeroFrames(before) ? x : tf.sub<Frames>(x, before);
      const mtNext = memoryGates(convolveSum(temporal, { d, t: mt }), mt);
      const gate = tf.add<Frames>(o, convolveSum(output, { c: cNext, s: msNext, t: mtNext, m: mNext }));
      const u = convolve(tf.concat([cNext, msNext, mtNext, mNext], 3), reduce.kernel, reduce.bias);
      const hNext = outputGate(gate, u);
      return { h: hNext, state: { h: hNext, c: cNext, ms: msNext, mt: mtNext, x }, m: mNext };
    },

    // The products of the attention are not counted (SPEC section 4).
    convolutions(x) {
      const { gates, memory, spatial, temporal, output } = widths(x);
      const pointwise = { kernelSize: 1, inChannels: x, outChannels: x };
      return [
        pointwise,
        pointwise,
        pointwise,
        { kernelSize, inChannels: x, outChannels: x },
        ...countJoined(kernelSize, gates, 4 * filters),
        ...[memory, spatial, temporal].flatMap((inputs) => countJoined(kernelSize, inputs, 3 * filters)),
        ...countJoined(kernelSize, output, filters),
        { kernelSize: 1, inChannels: 4 * filters, outChannels: filters },
      ];
    },
  };
}
