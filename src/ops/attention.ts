import * as tf from "@tensorflow/tfjs";
import { type Frames, UsageError } from "../types";

/** Names of the fused kernels of backends that have them. */
export const LOCAL_ATTENTION = "LocalAttention";
export const LOCAL_ATTENTION_GRAD = "LocalAttentionGrad";

/**
 * Local attention (SPEC 2.8): pixel p looks at the keys around it, at offsets -floor(window/2) .. -floor(window/2) + window - 1
 * down and across, and takes the mean of their values, weighted by the softmax of the plain dot products with its query. A key
 * outside of the map scores 0 and takes part; its value is 0.
 *
 * All [batch, H, W, C]. The scores of all pixels and offsets never exist together: the fused kernel computes those of 16 pixels
 * at a time, and again for the gradient.
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
  const fused = tf.getKernel(LOCAL_ATTENTION, tf.getBackend()) !== undefined && query.size > 0;
  if (!fused) return localAttentionPlain(query, key, value, window);
  const inputs = { q: query, k: key, v: value };
  return (tf.engine().runKernel(LOCAL_ATTENTION, inputs, { window }) as unknown as Frames[])[0];
}

tf.registerGradient({
  kernelName: LOCAL_ATTENTION,
  inputsToSave: ["q", "k", "v"],
  outputsToSave: [false, true, true],
  gradFunc: (dys, [q, k, v, level, total], attrs) => {
    const [dy] = dys as tf.Tensor[];
    // All three gradients come from one pass.
    const [dq, dk, dv] = tf
      .engine()
      .runKernel(LOCAL_ATTENTION_GRAD, { q, k, v, level, total, dy }, attrs) as tf.Tensor[];
    return { q: () => dq, k: () => dk, v: () => dv };
  },
});

/**
 * The same of tfjs's operations: what backends without the fused kernel run. One offset after another enters a running softmax
 * (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax"), and the gradient computes each again.
 */
export function localAttentionPlain(query: Frames, key: Frames, value: Frames, window: number): Frames {
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
    const back: Offset = [-down, -across];
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

/** Scores that exist at one time, at most. */
const BLOCK = 2 ** 22;

/**
 * Attention of all positions to all: softmax(query · keyᵀ) · value, without scaling. All [groups, positions, C].
 *
 * Exact, and computed in blocks of queries, again for the gradient: of the positions² scores of a group at most `BLOCK` exist at
 * one time, or those of one query.
 */
export function attention(query: tf.Tensor3D, key: tf.Tensor3D, value: tf.Tensor3D): tf.Tensor3D {
  const [groups, positions, channels] = query.shape;
  const rows = Math.max(1, Math.min(positions, Math.floor(BLOCK / (groups * positions))));
  const starts = Array.from({ length: Math.ceil(positions / rows) }, (_, i) => i * rows);
  const block = (x: tf.Tensor3D, first: number): tf.Tensor3D =>
    rows >= positions ? x : tf.slice(x, [0, first, 0], [groups, Math.min(rows, positions - first), channels]);
  const weights = (q: tf.Tensor3D, k: tf.Tensor3D): tf.Tensor3D => {
    const scores = tf.matMul(q, k, false, true);
    const powers = tf.exp(tf.sub<tf.Tensor3D>(scores, tf.max(scores, 2, true)));
    return tf.div(powers, tf.sum(powers, 2, true));
  };
  return tf.customGrad((...inputs) => {
    const [q, k, v, save] = inputs as unknown as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.GradSaveFunc];
    save([q, k, v]);
    const out = starts.map((first) => tf.tidy(() => tf.matMul(weights(block(q, first), k), v)));
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [q, k, v] = saved as tf.Tensor3D[];
      const dq: tf.Tensor3D[] = [];
      let sums: [dk: tf.Tensor3D, dv: tf.Tensor3D] | undefined;
      for (const first of starts) {
        const before = sums;
        const [dQuery, dKey, dValue] = tf.tidy(() => {
          const [rowsOfQ, rowsOfDy] = [block(q, first), block(dy as tf.Tensor3D, first)];
          const p = weights(rowsOfQ, k);
          const dp = tf.matMul(rowsOfDy, v, false, true);
          const ds = tf.mul<tf.Tensor3D>(p, tf.sub(dp, tf.sum(tf.mul(dp, p), 2, true)));
          const dk = tf.matMul(ds, rowsOfQ, true, false);
          const dv = tf.matMul(p, rowsOfDy, true, false);
          const added = before ? [tf.add(before[0], dk), tf.add(before[1], dv)] : [dk, dv];
          return [tf.matMul(ds, k), ...added] as tf.Tensor3D[];
        });
        if (before) tf.dispose(before);
        dq.push(dQuery);
        sums = [dKey, dValue];
      }
      return [dq.length === 1 ? dq[0] : tf.concat(dq, 1), ...(sums as tf.Tensor3D[])];
    };
    return { value: out.length === 1 ? out[0] : tf.concat(out, 1), gradFunc: gradFunc as never };
  })(query, key, value) as tf.Tensor3D;
}
