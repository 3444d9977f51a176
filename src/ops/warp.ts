import * as tf from "@tensorflow/tfjs";
import { type Frames, UsageError } from "../types";

/** Names of the fused kernels of backends that have them. */
export const WARP = "Warp";
export const WARP_GRAD = "WarpGrad";

/** What a zero flow does: stretches the map, as in the published code, or leaves it as it is. */
export type Alignment = "reference" | "clean";

export interface WarpOptions {
  /** Factor of the flow: TrajGRU reads at p - flow, MotionRNN at p + flow. Default: 1. */
  readonly sign?: 1 | -1;
  /** Default: "reference". */
  readonly alignment?: Alignment;
}

/**
 * Reads maps at shifted places, once for every link: for pixel (x, y), with the link's flow (u, v) there, at
 *
 *     sx = (x + sign·u)·W/max(W-1, 1) - 1/2,   sy = (y + sign·v)·H/max(H-1, 1) - 1/2
 *
 * by bilinear interpolation, with zeros outside. So a zero flow is not the identity: it stretches the map about its centre
 * by W/(W-1) and fades its border. The published code does so, mixing two conventions of what a corner is. With the alignment
 * "clean" it reads at sx = x + sign·u, sy = y + sign·v. Where the flow is NaN, so is the result.
 *
 * @param a maps [batch, H, W, C]
 * @param flow shifts in pixels [batch, H, W, 2K]: link j has the horizontal u in channel 2j, the vertical v in 2j + 1
 * @returns [batch, H, W, K·C], link j in channels j·C .. (j+1)·C - 1
 *
 * Source: TrajGRU (Shi et al. 2017, equation 5) as in the MS-RNN code, SPEC 2.2. Gradients go to `a` and to `flow`.
 */
export function warp(a: Frames, flow: Frames, { sign = 1, alignment = "reference" }: WarpOptions = {}): Frames {
  const [batch, height, width] = a.shape;
  if (!tf.util.arraysEqual(flow.shape.slice(0, 3), [batch, height, width]) || flow.shape[3] % 2 !== 0) {
    throw new UsageError(`warp: expected flow of shape [${[batch, height, width]},2 links], got [${flow.shape}]`);
  }
  const fused = tf.getKernel(WARP, tf.getBackend()) !== undefined && a.size > 0 && flow.size > 0;
  if (!fused) return warpPlain(a, flow, { sign, alignment });
  return tf.engine().runKernel(WARP, { a, flow }, { sign, alignment }) as Frames;
}

tf.registerGradient({
  kernelName: WARP,
  inputsToSave: ["a", "flow"],
  gradFunc: (dy, [a, flow], attrs) => {
    // Both gradients come from one pass.
    const [da, dflow] = tf.engine().runKernel(WARP_GRAD, { a, flow, dy: dy as tf.Tensor }, attrs) as tf.Tensor[];
    return { a: () => da, flow: () => dflow };
  },
});

/** The same in JavaScript, on the tensors' numbers: what backends without the fused kernel run. */
export function warpPlain(a: Frames, flow: Frames, { sign = 1, alignment = "reference" }: WarpOptions = {}): Frames {
  const how: Reading = {
    sign,
    stretch: alignment === "clean" ? () => 1 : stretch,
    shift: alignment === "clean" ? 0 : 0.5,
  };
  return tf.customGrad((...given: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [maps, shifts, save] = given as [Frames, Frames, tf.GradSaveFunc];
    save([maps, shifts]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => backward(saved[0] as Frames, saved[1] as Frames, dy, how);
    return { value: forward(maps, shifts, how), gradFunc };
  })(a, flow) as Frames;
}

/** A coordinate is read at (p + sign·flow)·stretch(size) - shift. */
interface Reading {
  readonly sign: number;
  stretch(size: number): number;
  readonly shift: number;
}

function forward(a: Frames, flow: Frames, how: Reading): Frames {
  const [batch, height, width, channels] = a.shape;
  const links = flow.shape[3] / 2;
  const [map, shifts] = [a.dataSync(), flow.dataSync()];
  const out = new Float32Array(batch * height * width * links * channels);
  const value = (corner: number, k: number) => (corner < 0 ? 0 : map[corner + k]);
  eachPlace(a.shape, shifts, how, (at, right, down, [p, q, r, s]) => {
    for (let k = 0; k < channels; k++) {
      const above = (1 - right) * value(p, k) + right * value(q, k);
      const below = (1 - right) * value(r, k) + right * value(s, k);
      out[at * channels + k] = (1 - down) * above + down * below;
    }
  });
  return tf.tensor4d(out, [batch, height, width, links * channels]);
}

function backward(a: Frames, flow: Frames, dy: tf.Tensor, how: Reading): tf.Tensor[] {
  const [, height, width, channels] = a.shape;
  const [map, shifts, g] = [a.dataSync(), flow.dataSync(), dy.dataSync()];
  const da = new Float32Array(map.length);
  const dflow = new Float32Array(shifts.length);
  const [scaleX, scaleY] = [width, height].map((size) => how.sign * how.stretch(size));
  eachPlace(a.shape, shifts, how, (at, right, down, corners) => {
    const weights = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right];
    for (const [i, corner] of corners.entries()) {
      if (corner < 0) continue;
      for (let k = 0; k < channels; k++) da[corner + k] += weights[i] * g[at * channels + k];
    }
    // The gradient's product with each corner; the flow's gradient is a difference of them.
    const [p, q, r, s] = corners.map((corner) => {
      let sum = 0;
      if (corner >= 0) for (let k = 0; k < channels; k++) sum += g[at * channels + k] * map[corner + k];
      return sum;
    });
    dflow[2 * at] = scaleX * ((1 - down) * (q - p) + down * (s - r));
    dflow[2 * at + 1] = scaleY * ((1 - right) * (r - p) + right * (s - q));
  });
  return [tf.tensor(da, a.shape), tf.tensor(dflow, flow.shape)];
}

const stretch = (size: number) => size / Math.max(size - 1, 1);

/**
 * For every pixel and link, `at` = pixel · links + link: where the four pixels around its place begin in the maps' numbers
 * (upper left, upper right, lower left, lower right; -1 outside), and how far the place is right of and below the first.
 */
function eachPlace(
  [batch, height, width, channels]: Frames["shape"],
  flow: ArrayLike<number>,
  { sign, stretch, shift }: Reading,
  body: (at: number, right: number, down: number, corners: number[]) => void,
): void {
  const links = flow.length / (2 * batch * height * width);
  const [scaleX, scaleY] = [stretch(width), stretch(height)];
  const corners = [0, 0, 0, 0];
  for (let at = 0; at < flow.length / 2; at++) {
    const pixel = Math.floor(at / links);
    const x = pixel % width;
    const y = Math.floor(pixel / width) % height;
    const first = pixel - y * width - x;
    const sx = bounded((x + sign * flow[2 * at]) * scaleX - shift, width);
    const sy = bounded((y + sign * flow[2 * at + 1]) * scaleY - shift, height);
    const [left, top] = [Math.floor(sx), Math.floor(sy)];
    for (let i = 0; i < 4; i++) {
      const [row, column] = [top + (i >> 1), left + (i & 1)];
      const inside = row >= 0 && row < height && column >= 0 && column < width;
      corners[i] = inside ? (first + row * width + column) * channels : -1;
    }
    body(at, sx - left, sy - top, corners);
  }
}

/** Far outside nothing is read, however far. NaN stays. */
const bounded = (at: number, size: number) => Math.min(Math.max(at, -2), size + 1);
