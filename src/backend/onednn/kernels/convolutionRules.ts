import type * as tf from "@tensorflow/tfjs";
import { LANES } from "../storage";

// Which algorithm a convolution takes: fixed rules on its sizes, found by trial (AMD EPYC, 2 threads).

export type Info = tf.backend_util.Conv2DInfo;
/** What is computed of a convolution: y, or the gradient of x or of the weights. */
export type Kind = "output" | "input" | "weights";
/** By oneDNN's direct algorithm, or by our own of Winograd's (native/ops/winograd.cpp). */
export type How = "direct" | "winograd";

/**
 * Where Winograd's algorithm is used: 3x3 at stride 1 on whole blocks of channels, from so many tiles on that it takes less time than
 * the direct one. Input gradients are outputs of a convolution with turned weights.
 */
export function winogradPays(kind: Kind, info: Info): boolean {
  const three = info.filterHeight === 3 && info.filterWidth === 3;
  const dense = info.strideHeight * info.strideWidth * info.dilationHeight * info.dilationWidth === 1;
  const blocks = info.inChannels % LANES === 0 && info.outChannels % LANES === 0;
  return kind !== "input" && three && dense && blocks && tilesOf(info) >= 8;
}

/** The convolution that takes dy to dx, at stride 1: with the weights turned by 180 degrees, their channels exchanged. */
export function turned(info: Info): Info {
  const { top, left } = info.padInfo;
  return {
    ...info,
    inHeight: info.outHeight,
    inWidth: info.outWidth,
    inChannels: info.outChannels,
    outHeight: info.inHeight,
    outWidth: info.inWidth,
    outChannels: info.inChannels,
    inShape: info.outShape,
    outShape: info.inShape,
    padInfo: { ...info.padInfo, top: info.filterHeight - 1 - top, left: info.filterWidth - 1 - left },
  };
}

/** Tiles of 4x4 outputs. */
const tilesOf = ({ batchSize, outHeight, outWidth }: Info): number =>
  batchSize * Math.ceil(outHeight / 4) * Math.ceil(outWidth / 4);

/**
 * Kernels larger than 3x3 that are computed as several of 3x3 by Winograd's algorithm (kernelParts.ts). What
 * a 5x5 gains shows in `bench op`.
 */
export function partsPay(kind: Kind, info: Info): boolean {
  const { filterHeight: side, filterWidth, inChannels, outChannels, padInfo } = info;
  const dense = info.strideHeight * info.strideWidth * info.dilationHeight * info.dilationWidth === 1;
  const square = side === filterWidth && side > 3 && side <= 9 && padInfo.top < side && padInfo.left < side;
  if (!dense || !square || inChannels % LANES !== 0 || outChannels % LANES !== 0) return false;
  const channels = Math.min(inChannels, outChannels);
  const least = { output: 2 ** 10, input: 2 ** 13, weights: 2 ** 12 };
  return channels >= 32 && channels * tilesOf(info) >= least[kind];
}

/** Weights' gradients of large kernels that take less time on plain maps, by more than it takes to make the maps plain. */
export function plainPays(kind: Kind, info: Info): boolean {
  return kind === "weights" && (info.filterWidth > 5 || (info.filterWidth > 3 && info.outWidth > 32));
}

/** Most time steps whose weights' gradients are computed at once: their operands are kept until then. */
const JOINED = 4;

/**
 * The convolution of as many time steps as Winograd's algorithm should take at once for their weights' gradients, where tiles are
 * few: the transformations of the sums, which do not depend on the number of tiles, then happen once.
 */
export function joinedSteps(info: Info): Info {
  const channels = Math.min(info.inChannels, info.outChannels);
  const count = Math.min(JOINED, Math.ceil(2 ** 13 / (tilesOf(info) * channels)));
  return { ...info, batchSize: count * info.batchSize };
}
