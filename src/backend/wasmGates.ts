import type * as tf from "@tensorflow/tfjs";

/** The part of tfjs's WebAssembly backend that gives kernels written in JavaScript its memory. */
interface Heap {
  makeOutput(shape: number[], dtype: "float32"): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array;
}

type Call = Parameters<tf.KernelFunc>[0];

/** Fused kernel of `ops/gates.ts`: inputs z [.., 4C], c [.., C]; outputs h', c' and the activated gates [.., 4C]. */
export function lstmGates(call: Call): tf.TensorInfo[] {
  const heap = call.backend as unknown as Heap;
  const inputs = call.inputs as Record<string, tf.TensorInfo>;
  const h = heap.makeOutput(inputs.c.shape, "float32");
  const next = heap.makeOutput(inputs.c.shape, "float32");
  const gates = heap.makeOutput(inputs.z.shape, "float32");
  // Making an output may move the heap, so arrays are taken last.
  const [z, c, hOut, nextOut, gatesOut] = [inputs.z, inputs.c, h, next, gates].map((t) => heap.typedArrayFromHeap(t));
  const channels = inputs.c.shape[3];
  for (let at = 0, base = 0; at < c.length; at += channels, base += 4 * channels) {
    for (let k = 0; k < channels; k++) {
      const p = base + k;
      const i = 1 / (1 + exp(-z[p]));
      const f = 1 / (1 + exp(-z[p + channels]));
      const g = 1 - 2 / (1 + exp(2 * z[p + 2 * channels]));
      const o = 1 / (1 + exp(-z[p + 3 * channels]));
      const cell = f * c[at + k] + i * g;
      gatesOut[p] = i;
      gatesOut[p + channels] = f;
      gatesOut[p + 2 * channels] = g;
      gatesOut[p + 3 * channels] = o;
      nextOut[at + k] = cell;
      hOut[at + k] = o * (1 - 2 / (1 + exp(2 * cell)));
    }
  }
  return [h, next, gates];
}

/** Gradient kernel: inputs dh, dNext, c, next [.., C] and gates [.., 4C]; outputs dz [.., 4C] and dc [.., C]. */
export function lstmGatesGradient(call: Call): tf.TensorInfo[] {
  const heap = call.backend as unknown as Heap;
  const inputs = call.inputs as Record<string, tf.TensorInfo>;
  const dz = heap.makeOutput(inputs.gates.shape, "float32");
  const dc = heap.makeOutput(inputs.c.shape, "float32");
  const [dh, dNext, c, next, gates, dzOut, dcOut] = [
    inputs.dh,
    inputs.dNext,
    inputs.c,
    inputs.next,
    inputs.gates,
    dz,
    dc,
  ].map((t) => heap.typedArrayFromHeap(t));
  const channels = inputs.c.shape[3];
  for (let at = 0, base = 0; at < c.length; at += channels, base += 4 * channels) {
    for (let k = 0; k < channels; k++) {
      const p = base + k;
      const q = at + k;
      const [i, f] = [gates[p], gates[p + channels]];
      const [g, o] = [gates[p + 2 * channels], gates[p + 3 * channels]];
      const t = 1 - 2 / (1 + exp(2 * next[q]));
      const dCell = dNext[q] + dh[q] * o * (1 - t * t);
      dzOut[p] = dCell * g * i * (1 - i);
      dzOut[p + channels] = dCell * c[q] * f * (1 - f);
      dzOut[p + 2 * channels] = dCell * i * (1 - g * g);
      dzOut[p + 3 * channels] = dh[q] * t * o * (1 - o);
      dcOut[q] = dCell * f;
    }
  }
  return [dz, dc];
}

const LIMIT = 126;
const powersOfTwo = Float64Array.from({ length: 2 * LIMIT + 1 }, (_, n) => 2 ** (n - LIMIT));

/**
 * e^x to a relative 1e-8 for |x| <= 87, beyond that its value at the limit: three times faster than Math.exp, and more
 * exact than float32 can hold. 2^n times a polynomial of degree 7 on [-ln 2 / 2, ln 2 / 2].
 */
export function exp(x: number): number {
  const bounded = x > 87 ? 87 : x < -87 ? -87 : x;
  const n = Math.floor(bounded * Math.LOG2E + 0.5);
  const r = bounded - n * Math.LN2;
  const p =
    1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r * (1 / 5040)))))));
  // A NaN falls through every comparison and has no power in the table.
  return Number.isNaN(x) ? x : p * powersOfTwo[n + LIMIT];
}
