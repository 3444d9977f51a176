import * as tf from "@tensorflow/tfjs";
import { heap, type KernelCall } from "./wasmHeap";

/**
 * Fused kernel of `ops/gates.ts`: inputs z [.., 4C], c [.., C]; outputs h', c', the activated gates [.., 4C] and tanh(c').
 *
 * The backend's own logistic function gives all activations:
 * tanh(g) = (s² - (1 - s)²) / (s² + (1 - s)²) with s = σ(g), and tanh(c') = 2σ(2c') - 1.
 */
export function lstmGates(call: KernelCall): tf.TensorInfo[] {
  const { inputs, output, arrays } = heap(call);
  const gates = tf.sigmoid(inputs.z);
  const next = output(inputs.c);
  const doubled = output(inputs.c);
  const channels = inputs.c.shape[3] as number;
  {
    const [s, c, nextOut, doubledOut] = arrays(gates, inputs.c, next, doubled);
    for (let at = 0, base = 0; at < c.length; at += channels, base += 4 * channels) {
      for (let k = 0; k < channels; k++) {
        const p = base + k + 2 * channels;
        const [up, down] = [s[p] * s[p], (1 - s[p]) * (1 - s[p])];
        const g = (up - down) / (up + down);
        s[p] = g;
        const cell = s[base + k + channels] * c[at + k] + s[base + k] * g;
        nextOut[at + k] = cell;
        doubledOut[at + k] = 2 * cell;
      }
    }
  }
  const squashed = tf.sigmoid(tf.engine().makeTensorFromTensorInfo(doubled));
  const h = output(inputs.c);
  const [s, t, hOut] = arrays(gates, squashed, h);
  for (let at = 0, base = 3 * channels; at < t.length; at += channels, base += 4 * channels) {
    for (let k = 0; k < channels; k++) {
      t[at + k] = 2 * t[at + k] - 1;
      hOut[at + k] = s[base + k] * t[at + k];
    }
  }
  return [h, next, gates, squashed];
}

/** Gradient kernel: inputs dh, dNext, c, squashed [.., C] and gates [.., 4C]; outputs dz [.., 4C] and dc [.., C]. */
export function lstmGatesGradient(call: KernelCall): tf.TensorInfo[] {
  const { inputs, output, arrays } = heap(call);
  const dz = output(inputs.gates);
  const dc = output(inputs.c);
  const { dh: dhIn, dNext: dNextIn, c: cIn, squashed: squashedIn, gates: gatesIn } = inputs;
  const [dh, dNext, c, squashed, gates, dzOut, dcOut] = arrays(dhIn, dNextIn, cIn, squashedIn, gatesIn, dz, dc);
  const channels = inputs.c.shape[3] as number;
  for (let at = 0, base = 0; at < c.length; at += channels, base += 4 * channels) {
    for (let k = 0; k < channels; k++) {
      const p = base + k;
      const q = at + k;
      const i = gates[p];
      const f = gates[p + channels];
      const g = gates[p + 2 * channels];
      const o = gates[p + 3 * channels];
      const t = squashed[q];
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
