import * as tf from "@tensorflow/tfjs";
import { type Model, type ModelParams, requireFrames } from "./model";
import { atTime } from "./place";
import type { StackState } from "./stack";
import { leaves } from "./tree";
import { type Clip, type Frames, UserError } from "./types";

/** What `teach` tells of its steps. */
export interface Watch {
  /** Every layer's state after the step. */
  state?(state: StackState, step: number): void;
  /** `ModelOutput.decoupling`, of networks that have it. */
  decoupling?(cosines: tf.Tensor3D, step: number): void;
}

/**
 * The training view: unrolls over a clip and returns the predictions of its frames 2..T.
 *
 * At step 0 the network sees the true frame; at step t = 1 .. T-2 sample b sees truth where mask[b, t - 1] is 1 and its own
 * last prediction where it is 0. Whole frames are replaced, and gradients flow through fed-back predictions (SPEC section 5).
 *
 * @param clip [batch, T, height, width, channels]
 * @param mask [batch, T - 2] of zeros and ones
 * @param watch is told more of each step
 * @returns [batch, T - 1, height, width, channels], not clipped
 */
export function teach(model: Model, params: ModelParams, clip: Clip, mask: tf.Tensor2D, watch: Watch = {}): Clip {
  requireFrames(model, clip.shape, "clip");
  const [batch, time, height, width, channels] = clip.shape;
  if (time < 2) throw new UserError(`clip has ${time} frame, expected at least 2 to predict one from another`);
  if (mask.shape[0] !== batch || mask.shape[1] !== time - 2) {
    throw new UserError(`sampling mask is [${mask.shape}], expected [${batch}, ${time - 2}] (batch, time - 2)`);
  }
  const truth = tf.unstack(clip, 1) as Frames[];
  // One column a step, shaped to spread over pixels.
  const truthful = time > 2 ? (tf.unstack(tf.reshape(mask, [batch, time - 2, 1, 1, 1]), 1) as Frames[]) : [];
  const predictions: Frames[] = [];
  let state = model.zeroState(batch);
  for (let t = 0; t < time - 1; t++) {
    atTime(t);
    const x =
      t === 0
        ? truth[0]
        : tf.add<Frames>(tf.mul(truthful[t - 1], truth[t]), tf.mul(tf.sub(1, truthful[t - 1]), predictions[t - 1]));
    const { prediction, state: next, decoupling } = model.step(params, x, state);
    predictions.push(prediction);
    state = next;
    watch.state?.(state, t);
    if (decoupling) watch.decoupling?.(decoupling(), t);
  }
  // What the caller makes of the predictions, such as a loss, comes after the last step.
  atTime(time - 1);
  return tf.reshape(tf.stack(predictions, 1), [batch, time - 1, height, width, channels]);
}

/**
 * Throws a UserError unless frames of this shape can be forecast from: five axes, none empty, frames that fit the model; `what`
 * names them.
 */
export function requireContext(model: Model, shape: readonly number[], what = "context"): void {
  if (shape.length !== 5)
    throw new UserError(`${what} is [${shape.join(", ")}], expected [batch, time, height, width, channels]`);
  requireFrames(model, shape, what);
  if (shape[0] < 1) throw new UserError(`${what} has no clips, expected at least 1`);
  if (shape[1] < 1) throw new UserError(`${what} has no frames, expected at least 1`);
}

/** Throws a UserError unless so many frames can be forecast: a whole number from 1. */
export function requireHorizon(horizon: number): void {
  if (!Number.isSafeInteger(horizon) || horizon < 1)
    throw new UserError(`horizon is ${horizon}, expected a whole number from 1`);
}

/**
 * Forecast from seen frames alone: there is no future to look at. Any context of at least one frame, any horizon of at
 * least one.
 *
 * @param context [batch, context, height, width, channels]
 * @param warmUp also return the context - 1 predictions of given frames, in front (they enter the paper's scores)
 * @returns [batch, horizon (+ context - 1), height, width, channels], not clipped. Memory does not grow with the horizon
 *   beyond the predictions themselves.
 */
export function predict(
  model: Model,
  params: ModelParams,
  context: Clip,
  horizon: number,
  { warmUp = false }: { warmUp?: boolean } = {},
): Clip {
  requireContext(model, context.shape);
  requireHorizon(horizon);
  const [batch, seen, height, width, channels] = context.shape;
  return tf.tidy(() => {
    const frames = tf.unstack(context, 1) as Frames[];
    const predictions: Frames[] = [];
    let state = model.zeroState(batch);
    for (let t = 0; t < seen + horizon - 1; t++) {
      atTime(t);
      const x = t < seen ? frames[t] : predictions[predictions.length - 1];
      const before = leaves(state);
      // One scope a step: what a step leaves behind is its prediction and its state.
      const result = tf.tidy(() => {
        const { prediction, state: next } = model.step(params, x, state);
        return { prediction, next } as unknown as tf.TensorContainerObject;
      }) as unknown as { prediction: Frames; next: StackState };
      const kept = new Set(leaves(result.next).map(([, leaf]) => leaf));
      for (const [, leaf] of before) if (!kept.has(leaf)) leaf.dispose();
      state = result.next;
      predictions.push(result.prediction);
    }
    atTime(-1);
    const wanted = warmUp ? predictions : predictions.slice(seen - 1);
    return tf.reshape(tf.stack(wanted, 1), [batch, wanted.length, height, width, channels]);
  });
}
