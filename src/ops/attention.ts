import * as tf from "@tensorflow/tfjs";
import { type Frames, UsageError } from "../types";

/**
 * Local attention (SPEC 2.8): pixel p looks at the keys around it, at offsets -floor(window/2) .. -floor(window/2) + window - 1
 * down and across, and takes the mean of their values, weighted by the softmax of the plain dot products with its query. A key
 * outside of the map scores 0 and takes part; its value is 0.
 *
 * All [batch, H, W, C]. The scores of all pixels and offsets never exist together: one offset after another enters a running
 * softmax (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax"), and the gradient computes each again.
 */
export function localAttention(query: Frames, key: Frames, value: Frames, window: number): Frames {
  if (!Number.isInteger(window) || window < 1) {
    throw new UsageError(`localAttention: window is ${window}, expected a whole number from 1`);
  }
  for (const { shape } of [key, value]) {
    if (!tf.util.arraysEqual(shape, query.shape)) {
      throw new UsageError(`localAttention: expected keys and values of [${query.shape}], got [${shape}]`);
    }
  }
  return tf.customGrad((...inputs) => {
    const [q, k, v, save] = inputs as unknown as [Frames, Frames, Frames, tf.GradSaveFunc];
    const { out, level, total } = attend(q, k, v, window);
    save([q, k, v, out, level, total]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => attendBack(dy as Frames, saved as Frames[], window);
    return { value: out, gradFunc: gradFunc as never };
  })(query, key, value) as Frames;
}

/** What a pixel sees at an offset: the map moved by it, with zeros from outside. */
function moves(window: number): {
  moved: (padded: Frames, offset: Offset, like: Frames) => Frames;
  pad: (x: Frames) => Frames;
} {
  const before = Math.floor(window / 2);
  const after = window - 1 - before;
  // Enough on every side to move back, too.
  const edge = Math.max(before, after);
  return {
    pad: (x) =>
      tf.pad(x, [
        [0, 0],
        [edge, edge],
        [edge, edge],
        [0, 0],
      ]),
    moved: (padded, [down, across], { shape: [batch, height, width] }) =>
      tf.slice(padded, [0, edge + down, edge + across, 0], [batch, height, width, padded.shape[3]]),
  };
}

type Offset = readonly [down: number, across: number];

function offsets(window: number): Offset[] {
  const first = -Math.floor(window / 2);
  const range = Array.from({ length: window }, (_, i) => first + i);
  return range.flatMap((down) => range.map((across): Offset => [down, across]));
}

const dot = (a: Frames, b: Frames): Frames => tf.sum(tf.mul(a, b), 3, true);

/** The result, and per pixel the largest score and the sum of exp(score - largest). */
function attend(q: Frames, k: Frames, v: Frames, window: number) {
  const { pad, moved } = moves(window);
  const [keys, values] = [pad(k), pad(v)];
  let state: { level: Frames; total: Frames; sum: Frames } | undefined;
  for (const offset of offsets(window)) {
    const before = state;
    const next = tf.tidy(() => {
      const score = dot(q, moved(keys, offset, q));
      const seen = moved(values, offset, q);
      if (!before) return { level: score, total: tf.onesLike(score), sum: seen };
      const level = tf.maximum<Frames>(before.level, score);
      const kept = tf.exp(tf.sub<Frames>(before.level, level));
      const added = tf.exp(tf.sub<Frames>(score, level));
      return {
        level,
        total: tf.add<Frames>(tf.mul(before.total, kept), added),
        sum: tf.add<Frames>(tf.mul(before.sum, kept), tf.mul(added, seen)),
      };
    });
    if (before) tf.dispose([before.level, before.total, before.sum]);
    state = next as typeof state;
  }
  const { level, total, sum } = state!;
  return { out: tf.div<Frames>(sum, total), level, total };
}

function attendBack(dy: Frames, [q, k, v, out, level, total]: Frames[], window: number): Frames[] {
  const { pad, moved } = moves(window);
  const [keys, values] = [pad(k), pad(v)];
  const mean = dot(dy, out);
  let sums: Frames[] | undefined;
  for (const offset of offsets(window)) {
    const before: Frames[] | undefined = sums;
    const [down, across] = offset;
    // Zeros that are moved in from outside must not become -0 in other kernels' arithmetic.
    const back: Offset = [0 - down, 0 - across];
    sums = tf.tidy(() => {
      const key = moved(keys, offset, q);
      const weight = tf.div<Frames>(tf.exp(tf.sub(dot(q, key), level)), total);
      const dScore = tf.mul<Frames>(weight, tf.sub(dot(dy, moved(values, offset, q)), mean));
      const parts = [
        tf.mul<Frames>(dScore, key),
        moved(pad(tf.mul(dScore, q)), back, q),
        moved(pad(tf.mul(weight, dy)), back, q),
      ];
      return before ? parts.map((part, i) => tf.add<Frames>(before[i], part)) : parts;
    });
    if (before) tf.dispose(before);
  }
  return sums!;
}
