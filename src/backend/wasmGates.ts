import * as tf from "@tensorflow/tfjs";
import { heap, type KernelCall } from "./wasmHeap";

/**
 * Fused kernel of `lstmGates` in `ops/gates.ts`: inputs z [.., 4C], c [.., C]; outputs h', c'.
 *
 * The backend's own logistic function gives all activations:
 * tanh(g) = (s² - (1 - s)²) / (s² + (1 - s)²) with s = σ(g), and tanh(c') = 2σ(2c') - 1.
 */
export function lstmGates(call: KernelCall): tf.TensorInfo[] {
  const { inputs, output, arrays } = heap(call);
  const { next, gates, squashed } = activate(call);
  const h = output(inputs.c);
  const channels = inputs.c.shape[inputs.c.rank - 1];
  const [s, t, hOut] = arrays(gates, squashed, h);
  for (let at = 0, base = 3 * channels; at < t.length; at += channels, base += 4 * channels) {
    for (let k = 0; k < channels; k++) hOut[at + k] = s[base + k] * (2 * t[at + k] - 1);
  }
  tf.dispose([gates, squashed]);
  return [h, next];
}

/** Gradient kernel: inputs z, c and dh, dNext [.., C]; outputs dz [.., 4C] and dc [.., C]. */
export function lstmGatesGradient(call: KernelCall): tf.TensorInfo[] {
  const { inputs, output, arrays } = heap(call);
  const { next, gates: activated, squashed } = activate(call);
  const dz = output(inputs.z);
  const dc = output(inputs.c);
  const [dh, dNext, c, doubled, gates, dzOut, dcOut] = arrays(
    inputs.dh,
    inputs.dNext,
    inputs.c,
    squashed,
    activated,
    dz,
    dc,
  );
  const channels = inputs.c.shape[inputs.c.rank - 1];
  for (let at = 0, base = 0; at < c.length; at += channels, base += 4 * channels) {
    for (let k = 0; k < channels; k++) {
      const p = base + k;
      const q = at + k;
      const i = gates[p];
      const f = gates[p + channels];
      const g = gates[p + 2 * channels];
      const o = gates[p + 3 * channels];
      const t = 2 * doubled[q] - 1;
      const dCell = dNext[q] + dh[q] * o * (1 - t * t);
      dzOut[p] = dCell * g * i * (1 - i);
      dzOut[p + channels] = dCell * c[q] * f * (1 - f);
      dzOut[p + 2 * channels] = dCell * i * (1 - g * g);
      dzOut[p + 3 * channels] = dh[q] * t * o * (1 - o);
      dcOut[q] = dCell * f;
    }
  }
  tf.dispose([activated, squashed, tf.engine().makeTensorFromTensorInfo(next)]);
  return [dz, dc];
}

/** The activated gates [.., 4C], c' and σ(2c'). */
function activate(call: KernelCall): { gates: tf.Tensor; next: tf.TensorInfo; squashed: tf.Tensor } {
  const { inputs, output, arrays } = heap(call);
  const gates = tf.sigmoid(inputs.z);
  const next = output(inputs.c);
  const doubled = output(inputs.c);
  const channels = inputs.c.shape[inputs.c.rank - 1];
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
  const twice = tf.engine().makeTensorFromTensorInfo(doubled);
  const squashed = tf.sigmoid(twice);
  twice.dispose();
  return { gates, next, squashed };
}
