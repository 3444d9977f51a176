import * as tf from "@tensorflow/tfjs";
import type { Frames } from "../types";

/** Name of the fused kernel; a backend that has one registers it together with its gradient kernel. */
export const LSTM_GATES = "LstmGates";
export const LSTM_GATES_GRAD = "LstmGatesGrad";

/**
 * Gate activations and state update of the LSTM in one pass:
 *
 *     i, f, g, o = split(z);   c' = σ(f)⊙c + σ(i)⊙tanh(g);   h' = σ(o)⊙tanh(c')
 *
 * @param z pre-activations [batch, H, W, 4C], in the order i, f, g, o
 * @param c cell state [batch, H, W, C]
 * @returns [h', c'], each [batch, H, W, C]
 */
export function lstmGates(z: Frames, c: Frames): [h: Frames, c: Frames] {
  if (!tf.getKernel(LSTM_GATES, tf.getBackend())) return lstmGatesPlain(z, c);
  const [h, next] = tf.engine().runKernel(LSTM_GATES, { z, c }) as tf.Tensor[];
  return [h as Frames, next as Frames];
}

/** The same as `lstmGates`, composed of tfjs operations: what backends without the fused kernel run. */
export function lstmGatesPlain(z: Frames, c: Frames): [h: Frames, c: Frames] {
  const [i, f, g, o] = tf.split(z, 4, 3) as Frames[];
  const next = tf.add<Frames>(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
  return [tf.mul(tf.sigmoid(o), tf.tanh(next)), next];
}

// The fused kernel also puts out the activated gates and tanh(c'), so that the gradient needs no exponential again.
tf.registerGradient({
  kernelName: LSTM_GATES,
  inputsToSave: ["c"],
  outputsToSave: [false, false, true, true],
  gradFunc: (dy, saved) => {
    const [dh, dNext] = dy as unknown as tf.Tensor[];
    const [c, gates, squashed] = saved;
    // Both gradients come from one pass, so it runs here and not in the two functions that are called one by one.
    const [dz, dc] = tf.engine().runKernel(LSTM_GATES_GRAD, { dh, dNext, c, gates, squashed }) as tf.Tensor[];
    return { z: () => dz, c: () => dc };
  },
});
