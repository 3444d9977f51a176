import type * as tf from "@tensorflow/tfjs";
import { LANES } from "../storage";

// Which algorithm a convolution takes: fixed rules on its sizes, with the measurements behind them (AMD EPYC, 2 threads).

export type Info = tf.backend_util.Conv2DInfo;
/** What is computed of a convolution: y, or the gradient of x or of the weights. */
export type Kind = "output" | "input" | "weights";
/** `prepared`: Winograd's algorithm on weights that are transformed when they are packed, for outputs alone. */
export type How = "direct" | "winograd" | "prepared";

/**
 * Measured for 16 to 256 channels and 16 to 512 tiles of 4x4. At 16 tiles and 128 -> 256 channels the direct algorithm takes
 * 0.9 to 1.0 of Winograd's time where the weights are transformed each time, 2.2 where they are transformed before, and 1.7 for
 * the weights' gradient; at 64 tiles 1.9 and 2.5. With few channels it takes more tiles until the transformations pay.
 */
export function winogradPays(kind: Kind, info: Info): boolean {
  const three = info.filterHeight === 3 && info.filterWidth === 3;
  const dense = info.strideHeight * info.strideWidth * info.dilationHeight * info.dilationWidth === 1;
  const tiles = tilesOf(info);
  const channels = Math.min(info.inChannels, info.outChannels);
  const least = kind === "weights" || (kind === "output" && preparingPays(info)) ? 16 : 32;
  return three && dense && tiles >= least && tiles * channels ** 2 >= 2 ** 16;
}

/** Floats of transformed weights that stay in the cache beside the maps. */
const FEW = 2 ** 17;

/**
 * Where Winograd's transformation of the weights happens once, when they are packed: where they are few, or weigh four times what
 * the maps do. Transformed weights take 4 times the memory. Measured, of the time with a transformation each time: 32 -> 64
 * channels 0.78 on 128 tiles, 0.97 on 512; 128 -> 256 channels 0.49 on 16 tiles and 0.79 on 64, but on 64 a whole network, which
 * reads 4.7 MB of them anew at each layer, took longer.
 */
export function preparingPays(info: Info): boolean {
  const weights = info.inChannels * info.outChannels;
  return 36 * weights <= FEW || 4 * tilesOf(info) * (info.inChannels + info.outChannels) <= weights;
}

/** Tiles of 4x4 outputs. */
const tilesOf = ({ batchSize, outHeight, outWidth }: Info): number =>
  batchSize * Math.ceil(outHeight / 4) * Math.ceil(outWidth / 4);

/**
 * Kernels larger than 3x3 that are computed as several of 3x3 by Winograd's algorithm (kernelParts.ts). Bounds found by trial; what
 * a 5x5 gains shows in `bench op`.
 */
export function partsPay(kind: Kind, info: Info): boolean {
  const { filterHeight: side, filterWidth, inChannels, outChannels, padInfo } = info;
  const dense = info.strideHeight * info.strideWidth * info.dilationHeight * info.dilationWidth === 1;
  const square = side === filterWidth && side > 3 && side <= 9 && padInfo.top < side && padInfo.left < side;
  if (!dense || !square || inChannels % LANES !== 0 || outChannels % LANES !== 0) return false;
  const channels = Math.min(inChannels, outChannels);
  const narrow = kind === "weights" || (kind === "output" && side <= 6) ? 32 : 64;
  return channels >= narrow && channels * tilesOf(info) >= (kind === "weights" ? 2 ** 12 : 2 ** 13);
}

/**
 * Weights' gradients of large kernels: measured 0.87 to 0.9 of their time on blocked maps for 5x5 on maps 64 wide and for 7x7
 * on any, more than it takes to make the maps plain; 5x5 on maps up to 32 wide take the same on either form.
 */
export function plainPays(kind: Kind, info: Info): boolean {
  return kind === "weights" && (info.filterWidth > 5 || (info.filterWidth > 3 && info.outWidth > 32));
}

/** Most time steps whose weights' gradients are computed at once: their operands are kept until then. */
const JOINED = 4;

/**
 * The convolution of as many time steps as Winograd's algorithm should take at once for their weights' gradients: the
 * transformations of the weights, which do not depend on the number of tiles, then happen once. Measured, time of one step's
 * part: 32 -> 64 channels on 32 tiles 0.09 ms alone and 0.05 with four at once, on 128 tiles 0.22 and 0.15 with two; 128 -> 256 on
 * 16 tiles 0.45 and 0.28 with four. From 64 tiles of 128 channels on there is nothing more to be had.
 */
export function joinedSteps(info: Info): Info {
  const channels = Math.min(info.inChannels, info.outChannels);
  const count = Math.min(JOINED, Math.ceil(2 ** 13 / (tilesOf(info) * channels)));
  return { ...info, batchSize: count * info.batchSize };
}
