import * as tf from "@tensorflow/tfjs";
import { type Convolved, initConvolution, initTransposedConvolution } from "../initialize";
import { convolve, zeroFrames } from "../ops/convolve";
import { outputGate } from "../ops/gates";
import { warp } from "../ops/warp";
import type { Random } from "../random";
import { type Citation, type Frames, UserError } from "../types";
import type { Cell, CellOptions } from "./cell";
import { countMim, initMim, type MimParams, type MimState, mimLayer, mimParts, zeroMim } from "./mim";

export type MotionGruParams = {
  /** 2x2, stride 2, C -> C/4 */
  readonly encode: Convolved;
  /** 1x1 on [e; F], 18 channels each */
  readonly update: Convolved;
  readonly reset: Convolved;
  readonly candidate: Convolved;
  /** 1x1, C/4 -> 9: how much of each motion */
  readonly weigh: Convolved;
  /** 1x1, 9·C/4 -> C/4 */
  readonly decode: Convolved;
  /** Transposed, 4x4, stride 2: kernel [4, 4, C, C/4] */
  readonly enlarge: Convolved;
  /** 1x1 on [a; h], 2C -> C */
  readonly fuse: Convolved;
};

export type MotionRnnParams = MimParams & { readonly motion?: MotionGruParams };

/** MIM's, and F and D [batch, height/2, width/2, 18] where the layer has a MotionGRU. */
export type MotionRnnState = MimState & { readonly F?: Frames; readonly D?: Frames };

const cites: Citation = {
  key: "wu2021motionrnn",
  title: "MotionRNN: A Flexible Model for Video Prediction with Spacetime-Varying Motions",
  authors: "Wu, Yao, Wang, Long",
  year: 2021,
  url: "https://arxiv.org/abs/2103.02243",
  checked: "yes",
};

/** Side of the window of motions; of each its number, and of each its two directions. */
const WINDOW = 3;
const MOTIONS = WINDOW ** 2;
const FLOWS = 2 * MOTIONS;
/** Momentum of the trend. */
const ALPHA = 0.5;

export function initMotionGru(random: Random, filters: number): MotionGruParams {
  if (filters % 4 !== 0) throw new UserError(`MotionRNN has ${filters} filters, expected a multiple of 4`);
  const quarter = filters / 4;
  return {
    encode: initConvolution(random, 2, filters, quarter),
    update: initConvolution(random, 1, quarter + FLOWS, FLOWS),
    reset: initConvolution(random, 1, quarter + FLOWS, FLOWS),
    candidate: initConvolution(random, 1, quarter + FLOWS, FLOWS),
    weigh: initConvolution(random, 1, quarter, MOTIONS),
    decode: initConvolution(random, 1, MOTIONS * quarter, quarter),
    enlarge: initTransposedConvolution(random, 4, quarter, filters),
    fuse: initConvolution(random, 1, 2 * filters, filters),
  };
}

/**
 * MotionGRU (SPEC 2.6): moves a map along learnt motions F with a trend D, at half its size.
 *
 *     e = enc(h);   u = σ(U·[e;F]);   r = σ(R·[e;F]);   z = tanh(Z·[e; r⊙F]);   F~ = u⊙z + (1-u)⊙F
 *     D' = D + α(F - D);   F' = F~ + D';   y_j = σ(G·e)_j ⊙ warp(e, F'_j)
 *     a = dec2( dec1·rearrange(y) );   b = σ(V·[a;h]);   X = b⊙h + (1-b)⊙a
 *
 * h [batch, H, W, C] with even H and W; F and D [batch, H/2, W/2, 18]. The published code joins y by reading the memory of
 * [batch, C/4, H/2, W/2, 9] as [batch, 9·C/4, H/2, W/2], which mixes channels and places; `clean` keeps each pixel's own, with channel
 * 9c + j. Motions are read per sample; see SPEC 2.6 for what the published code does with batches.
 */
export function motionGru(
  params: MotionGruParams,
  h: Frames,
  { F, D }: { F: Frames; D: Frames },
  { alignment, rearrangement = "reference" }: Pick<CellOptions, "alignment" | "rearrangement"> = {},
): { X: Frames; F: Frames; D: Frames } {
  const { encode, update, reset, candidate, weigh, decode, enlarge, fuse } = params;
  const at = (x: Frames, { kernel, bias }: Convolved) => convolve(x, kernel, bias);
  const e = tf.add<Frames>(tf.conv2d(h, encode.kernel, 2, "valid"), encode.bias);
  const both = tf.concat([e, F], 3);
  const u = tf.sigmoid(at(both, update));
  const r = tf.sigmoid(at(both, reset));
  const z = tf.tanh(at(tf.concat([e, tf.mul<Frames>(r, F)], 3), candidate));
  const trend = tf.add<Frames>(D, tf.mul(ALPHA, tf.sub(F, D)));
  const motion = tf.add<Frames>(tf.add(F, tf.mul(u, tf.sub(z, F))), trend);
  const moved = rearrange(warp(e, motion, { alignment }), tf.sigmoid(at(e, weigh)), rearrangement);
  const enlarged = tf.conv2dTranspose(at(moved, decode), enlarge.kernel, h.shape, 2, "same");
  const a = tf.add<Frames>(enlarged, enlarge.bias);
  const b = tf.sigmoid(at(tf.concat([a, h], 3), fuse));
  return { X: tf.add<Frames>(a, tf.mul(b, tf.sub(h, a))), F: motion, D: trend };
}

/** Moved maps [batch, h, w, 9·C4], motion by motion, weighted by [batch, h, w, 9]. */
function rearrange(moved: Frames, weights: Frames, how: CellOptions["rearrangement"]): Frames {
  const [batch, height, width, channels] = moved.shape;
  const parts = tf.reshape(moved, [batch, height, width, MOTIONS, channels / MOTIONS]);
  const weighted = tf.mul<tf.Tensor5D>(parts, tf.expandDims(weights, 4));
  if (how === "clean") return tf.reshape(tf.transpose(weighted, [0, 1, 2, 4, 3]), moved.shape);
  const memory = tf.reshape<tf.Rank.R4>(tf.transpose(weighted, [0, 4, 1, 2, 3]), [batch, channels, height, width]);
  return tf.transpose<tf.Tensor4D>(memory as tf.Tensor4D, [0, 2, 3, 1]);
}

/**
 * MotionRNN with MIM inside (SPEC 2.6): MIM's h and its output gate O, then the MotionGRU and the motion highway:
 *
 *     h1, O = MIM(...);   X, F', D' = MotionGRU(h1, F, D);   h' = X + (1-O)⊙x        (all layers but the last: h' = h1 there)
 *
 * The last layer's MotionGRU changes nothing, and is left out but for `complete`. All tensors [batch, H, W, C] with even H and W, C a
 * multiple of 4. Source: Wu et al. 2021 as in the MS-RNN code.
 */
export function motionRnn(options: CellOptions = {}, layer = 0, layers = 1): Cell<MotionRnnParams, MotionRnnState> {
  const place = mimLayer(options, layer);
  const { filters } = place;
  const uses = layer < layers - 1;
  const has = uses || options.complete === true;
  return {
    name: "MotionRNN",
    cites,
    filters,
    passesMemory: true,
    readsBelow: place.has,

    init: (random, inputChannels) => ({
      ...initMim(random, inputChannels, place),
      ...(has && { motion: initMotionGru(random, filters) }),
    }),

    zeroState(batch, height, width) {
      if (has && (height % 2 !== 0 || width % 2 !== 0)) {
        throw new UserError(`MotionRNN: layer ${layer} has maps of ${height}x${width}, expected even sides`);
      }
      const zero = () => zeroFrames([batch, height / 2, width / 2, FLOWS]);
      return { ...zeroMim(place, batch, height, width), ...(has && { F: zero(), D: zero() }) };
    },

    step(params, input, state) {
      const { c, m, o, u, n, s } = mimParts(params, input, state, place);
      const memories = { c, ...(n && s && { n, s }) };
      const { F, D } = state;
      if (!params.motion || !F || !D) {
        const h = outputGate(o, u);
        return { h, state: { h, ...memories }, m };
      }
      const gate = tf.sigmoid(o);
      const h1 = tf.mul<Frames>(gate, tf.tanh(u));
      const { X, ...motion } = motionGru(params.motion, h1, { F, D }, options);
      const h = uses ? tf.add<Frames>(X, tf.mul(tf.sub(1, gate), input.x)) : h1;
      return { h, state: { h, ...memories, ...motion }, m };
    },

    convolutions: (inputChannels) => [
      ...countMim(inputChannels, place),
      ...(has
        ? [
            { kernelSize: 2, inChannels: filters, outChannels: filters / 4, scale: 2 },
            { kernelSize: 1, inChannels: filters / 4 + FLOWS, outChannels: 3 * FLOWS, scale: 2 },
            { kernelSize: 1, inChannels: filters / 4, outChannels: MOTIONS, scale: 2 },
            { kernelSize: 1, inChannels: (MOTIONS * filters) / 4, outChannels: filters / 4, scale: 2 },
            // Every input pixel meets every entry of the kernel once.
            { kernelSize: 4, inChannels: filters / 4, outChannels: filters, scale: 2, stretch: 2 },
            { kernelSize: 1, inChannels: 2 * filters, outChannels: filters },
          ]
        : []),
    ],
  };
}
