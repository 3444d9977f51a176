import * as tf from "@tensorflow/tfjs";
import { type Frames, UserError } from "../types";

/** Names of the fused kernels, which take an attribute `factor`; a backend that has one has both. */
export const UPSAMPLE = "Upsample";
export const UPSAMPLE_GRAD = "UpsampleGrad";

/**
 * Max-pooling without padding over `factor` x `factor` windows; an odd last row or column is dropped.
 * [batch, H, W, channels] -> [batch, floor(H/factor), floor(W/factor), channels].
 * The gradient goes to the first largest value of each window in row order. Source: MS-RNN, SPEC section 3.
 */
export function maxPool(x: Frames, factor: number): Frames {
  if (factor === 1) return x;
  return tf.maxPool(x, factor, factor, "valid");
}

/** How maps become smaller: the largest or the mean of each window. */
export type Pooling = "max" | "average";

/** As `maxPool`, with the mean of each window. */
export function averagePool(x: Frames, factor: number): Frames {
  if (factor === 1) return x;
  return tf.avgPool(x, factor, factor, "valid");
}

/**
 * Bilinear up-sampling by a whole factor with half-pixel centres and clamped edges (corners not aligned):
 * output pixel i reads position max((i + 1/2)/factor - 1/2, 0).
 * [batch, H, W, channels] -> [batch, H·factor, W·factor, channels]. Source: MS-RNN, SPEC section 3.
 *
 * One kernel where the backend has it, else `upsamplePlain`.
 */
export function upsample(x: Frames, factor: number): Frames {
  if (factor === 1) return x;
  if (!tf.getKernel(UPSAMPLE, tf.getBackend()) || x.size === 0) return upsamplePlain(x, factor);
  return tf.engine().runKernel(UPSAMPLE, { x }, { factor }) as Frames;
}

/**
 * The same as `upsample` on any backend: two products with interpolation matrices, and with their transposes for the
 * gradient, because the gradient of tfjs's own `resizeBilinear` ignores half-pixel centres (seen in 4.22).
 */
export function upsamplePlain(x: Frames, factor: number): Frames {
  return tf.customGrad((input) => {
    const [, height, width] = (input as Frames).shape;
    const value = resample(input as Frames, interpolation(height, factor), interpolation(width, factor));
    const gradFunc = (dy: tf.Tensor) =>
      resample(dy as Frames, transposed(interpolation(height, factor)), transposed(interpolation(width, factor)));
    return { value, gradFunc };
  })(x) as Frames;
}

// Each is the other's transpose.
tf.registerGradient({
  kernelName: UPSAMPLE,
  gradFunc: (dy, _saved, attrs) => ({
    x: () => tf.engine().runKernel(UPSAMPLE_GRAD, { dy: dy as tf.Tensor }, attrs) as tf.Tensor,
  }),
});
tf.registerGradient({
  kernelName: UPSAMPLE_GRAD,
  gradFunc: (ddx, _saved, attrs) => ({
    dy: () => tf.engine().runKernel(UPSAMPLE, { x: ddx as tf.Tensor }, attrs) as tf.Tensor,
  }),
});

/** Takes feature maps from one scale of a wiring (1 = full size, 2 = half ...) to another. */
export function rescale(x: Frames, from: number, to: number, down: Pooling = "max"): Frames {
  if (to % from === 0) return down === "max" ? maxPool(x, to / from) : averagePool(x, to / from);
  if (from % to === 0) return upsample(x, from / to);
  throw new UserError(`cannot resample from scale ${from} to scale ${to}: neither divides the other`);
}

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

const interpolations = new Map<string, Matrix>();

/** Matrix [size·factor, size] of the up-sampling of one axis. */
function interpolation(size: number, factor: number): Matrix {
  const key = `${size}x${factor}`;
  let matrix = interpolations.get(key);
  if (!matrix) {
    const rows = size * factor;
    const values = new Float32Array(rows * size);
    for (let i = 0; i < rows; i++) {
      const source = Math.max((i + 0.5) / factor - 0.5, 0);
      const low = Math.floor(source);
      const high = Math.min(low + 1, size - 1);
      values[i * size + low] += 1 - (source - low);
      values[i * size + high] += source - low;
    }
    matrix = { rows, columns: size, values };
    interpolations.set(key, matrix);
  }
  return matrix;
}

function transposed({ rows, columns, values }: Matrix): Matrix {
  const result = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j];
  return { rows: columns, columns: rows, values: result };
}

/** vertical · x · horizontalᵀ for every sample and channel. */
function resample(x: Frames, vertical: Matrix, horizontal: Matrix): Frames {
  return tf.tidy(() => {
    const [batch, , width, channels] = x.shape;
    const left = tf.tensor3d(vertical.values, [1, vertical.rows, vertical.columns]);
    const right = tf.tensor3d(horizontal.values, [1, horizontal.rows, horizontal.columns]);
    const tall = tf.matMul(left, tf.reshape(x, [batch, vertical.columns, width * channels]));
    const wide = tf.matMul(right, tf.reshape(tall, [batch * vertical.rows, width, channels]));
    return tf.reshape(wide, [batch, vertical.rows, horizontal.rows, channels]);
  });
}
