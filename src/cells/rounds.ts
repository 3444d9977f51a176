import * as tf from "@tensorflow/tfjs";
import type { Convolved } from "../initialize";
import { convolve } from "../ops/convolve";
import type { Frames } from "../types";

/** How often input and state look at one another in MoDeRNN and CMS-LSTM. */
export const ROUNDS = 5;

const gated = (frames: Frames, by: Frames, { kernel, bias }: Convolved): Frames =>
  tf.mul(tf.mul<Frames>(2, tf.sigmoid(convolve(by, kernel, bias))), frames);

/**
 * Input and state look at one another before a step: odd rounds x := 2σ(G*h)⊙x, even rounds h := 2σ(K*x)⊙h.
 * @param gateX G, on h
 * @param gateH K, on x
 */
export function embedContext(x: Frames, h: Frames, gateX: Convolved, gateH: Convolved): { x: Frames; h: Frames } {
  let [input, state] = [x, h];
  for (let round = 1; round <= ROUNDS; round++) {
    if (round % 2 === 1) input = gated(input, state, gateX);
    else state = gated(state, input, gateH);
  }
  return { x: input, h: state };
}
