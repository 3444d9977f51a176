import * as tf from "@tensorflow/tfjs";
import { type Convolved, initConvolution } from "../initialize";
import { attention } from "../ops/attention";
import { convolve } from "../ops/convolve";
import type { Random } from "../random";
import { type Citation, type Frames, UserError } from "../types";
import type { Cell, CellOptions, Convolution } from "./cell";
import { type ConvLstmParams, type ConvLstmState, convLstm } from "./convLstm";
import { convolveSum, countJoined, initJoined, type Joined } from "./joined";
import { embedContext, ROUNDS } from "./rounds";

/** 1x1 convolutions, C -> C. */
export type StageParams = { readonly query: Convolved; readonly key: Convolved; readonly value: Convolved };

export type ExpressionParams = {
  /** One a scale, under 1, 2 and 4 */
  readonly stages: { readonly [scale: string]: StageParams };
  /** 3C -> C, over all scales */
  readonly merge: Convolved;
  /** 1x1, 2C -> C, over both halves */
  readonly reduce: Convolved;
  /** 3C channels: i, g, o */
  readonly gates: Joined<"h" | "z">;
};

export type CmsLstmParams = {
  readonly lstm: ConvLstmParams;
  /** On h, gate of x */
  readonly gateX: Convolved;
  /** On x, gate of h */
  readonly gateH: Convolved;
  readonly expression: ExpressionParams;
};

const cites: Citation = {
  key: "chai2022cmslstm",
  title: "CMS-LSTM: Context Embedding and Multi-Scale Spatiotemporal Expression LSTM for Predictive Learning",
  authors: "Chai, Xu, Bai, Lin, Yuan",
  year: 2022,
  url: "https://arxiv.org/abs/2102.03586",
  checked: "yes",
};

/** Into how many tiles a side the maps are cut. */
export const STAGES = [1, 2, 4] as const;

/** Square tiles of maps [batch, H, H, C]: [batch·scale², (H/scale)², C]. */
function tiles(x: Frames, scale: number): tf.Tensor3D {
  const [batch, height, , channels] = x.shape;
  const side = height / scale;
  const cut = tf.reshape(x, [batch, scale, side, scale, side, channels]);
  return tf.reshape<tf.Rank.R3>(tf.transpose(cut, [0, 1, 3, 2, 4, 5]), [batch * scale ** 2, side ** 2, channels]);
}

/** The inverse of `tiles`. */
function untiled(x: tf.Tensor3D, scale: number, shape: Frames["shape"]): Frames {
  const [batch, height, , channels] = shape;
  const side = height / scale;
  const cut = tf.reshape(x, [batch, scale, scale, side, side, channels]);
  return tf.reshape<tf.Rank.R4>(tf.transpose(cut, [0, 1, 3, 2, 4, 5]), shape);
}

const halves = (x: Frames): [Frames, Frames] => tf.split(x, 2, 2) as [Frames, Frames];

/**
 * One stage of the expression block: f + attention within each tile, both halves of f together.
 * @param f two square maps side by side, [batch, H, 2H, C], H divisible by `scale`
 */
export function expressionStage({ query, key, value }: StageParams, f: Frames, scale: number): Frames {
  const [q, k, v] = [query, key, value].map(
    ({ kernel, bias }) =>
      tf.concat(
        halves(convolve(f, kernel, bias)).map((half) => tiles(half, scale)),
        1,
      ) as tf.Tensor3D,
  );
  const parts = tf.split(attention(q, k, v), 2, 1) as tf.Tensor3D[];
  const [batch, height, width, channels] = f.shape;
  const half: Frames["shape"] = [batch, height, width / 2, channels];
  return tf.add(
    f,
    tf.concat(
      parts.map((part) => untiled(part, scale, half)),
      2,
    ),
  );
}

/** The expression block: h1 and c1 of the ConvLSTM to the cell's h' and c', all [batch, H, H, C]. */
export function express(
  { stages, merge, reduce, gates }: ExpressionParams,
  h: Frames,
  c: Frames,
): { h: Frames; c: Frames } {
  const f = tf.concat([h, c], 2);
  const seen = STAGES.map((scale) => expressionStage(stages[scale], f, scale));
  const merged = convolve(tf.concat(seen, 3), merge.kernel, merge.bias);
  const z = convolve(tf.concat(halves(merged), 3), reduce.kernel, reduce.bias);
  const [i, g, o] = tf.split(convolveSum(gates, { h, z }), 3, 3) as Frames[];
  const next = tf.add<Frames>(c, tf.mul(tf.sigmoid(i), tf.sub(tf.tanh(g), c)));
  return { h: tf.mul(tf.sigmoid(o), next), c: next };
}

/**
 * CMS-LSTM (SPEC 2.9): input and state look at one another in five rounds, a ConvLSTM step, and an expression block.
 *
 *     odd rounds:  x := 2σ(Q*h)⊙x;   even rounds:  h := 2σ(R*x)⊙h;   h1, c1 = ConvLSTM(x, h, c)
 *     f = [h1 | c1] side by side;    for s in 1, 2, 4: f_s = f + attention of f within each of s x s tiles, both halves together
 *     z = Wz·[left half; right half] of  O*[f_1;f_2;f_4];   i, g, o = split( Wh*h1 + Wz*z )
 *     c' = (1-σ(i))⊙c1 + σ(i)⊙tanh(g);   h' = σ(o)⊙c'
 *
 * All tensors [batch, H, H, C], square and divisible by 4 at the layer's scale, as many channels in as out; states zero at the start.
 * Parameters: 182C² + 27C for k = 3. Source: Chai et al. 2022 as in the MS-RNN code.
 */
export function cmsLstm(options: CellOptions = {}): Cell<CmsLstmParams, ConvLstmState> {
  const lstm = convLstm(options);
  const { filters } = lstm;
  const { kernelSize = 3 } = options;
  const gates = { h: filters, z: filters };
  const stage = (random: Random): StageParams => ({
    query: initConvolution(random, 1, filters, filters),
    key: initConvolution(random, 1, filters, filters),
    value: initConvolution(random, 1, filters, filters),
  });
  return {
    name: "CMS-LSTM",
    cites,
    filters,

    init: (random, inputChannels) => ({
      lstm: lstm.init(random, inputChannels),
      gateX: initConvolution(random, kernelSize, filters, inputChannels),
      gateH: initConvolution(random, kernelSize, inputChannels, filters),
      expression: {
        stages: Object.fromEntries(STAGES.map((scale) => [scale, stage(random)])),
        merge: initConvolution(random, kernelSize, STAGES.length * filters, filters),
        reduce: initConvolution(random, 1, 2 * filters, filters),
        gates: initJoined(random, kernelSize, gates, 3 * filters),
      },
    }),

    zeroState(batch, height, width) {
      const most = Math.max(...STAGES);
      if (height !== width || height % most !== 0) {
        throw new UserError(
          `CMS-LSTM: maps of ${height}x${width} at a layer's scale, expected square ones with sides divisible by ${most}`,
        );
      }
      return lstm.zeroState(batch, height, width);
    },

    step(params, input, state) {
      const { x, h } = embedContext(input.x, state.h, params.gateX, params.gateH);
      const { state: inner } = lstm.step(params.lstm, { x }, { h, c: state.c });
      const next = express(params.expression, inner.h, inner.c);
      return { h: next.h, state: next };
    },

    // The products of the attention are not counted (SPEC section 4).
    convolutions(inputChannels) {
      const rounds = Array.from({ length: ROUNDS }, (_, i): Convolution => {
        const [inChannels, outChannels] = i % 2 === 0 ? [filters, inputChannels] : [inputChannels, filters];
        return { kernelSize, inChannels, outChannels };
      });
      // On maps twice as wide.
      const wide = (one: Convolution) => [one, one];
      const pointwise = { kernelSize: 1, inChannels: filters, outChannels: filters };
      const stages = STAGES.flatMap(() => [pointwise, pointwise, pointwise].flatMap(wide));
      return [
        ...lstm.convolutions(inputChannels),
        ...rounds,
        ...stages,
        ...wide({ kernelSize, inChannels: STAGES.length * filters, outChannels: filters }),
        { kernelSize: 1, inChannels: 2 * filters, outChannels: filters },
        ...countJoined(kernelSize, gates, 3 * filters),
      ];
    },
  };
}
