import type { Pooling } from "./ops/resample";
import { UserError } from "./types";

/**
 * A network's shape, as data. Layer i works at 1/scale[i] of the frame's size; each edge carries the output of one
 * layer to another, resampled from the sender's scale to the receiver's (pooled down, bilinear up). A layer's input is made of
 * its incoming edges; layer 0 reads the embedded frame; the last layer's output is the network's.
 */
export interface Wiring {
  readonly scale: readonly number[];
  readonly edges: readonly (readonly [from: number, to: number])[];
  /** How maps become smaller. Default: the largest of each window, as in MS-RNN. */
  readonly down?: Pooling;
  /** How the edges of a layer come together: added up, as in MS-RNN and by default, or channel behind channel. */
  readonly join?: "add" | "concat";
}

/** Single scale: every layer at full size, reading from the one below. */
export const chain = (layers: number): Wiring => ({
  scale: Array(layers).fill(1),
  edges: Array.from({ length: layers - 1 }, (_, i) => [i, i + 1] as const),
});

const scale = [1, 2, 4, 4, 2, 1];

/** Ablation without skips: down twice, up twice (SPEC section 3). */
export const multiScaleWithoutSkip: Wiring = { scale, edges: chain(6).edges };

/**
 * A multi-scale network of any depth: each layer reads the one before it, and across the middle the layer of equal scale on the
 * other side. `pyramid([1, 2, 1])` has two scales, `pyramid([1, 2, 4, 8, 8, 4, 2, 1])` four.
 */
export const pyramid = (scale: readonly number[]): Wiring => {
  const last = scale.length - 1;
  const opposite = scale.map((_, layer) => [layer, last - layer] as const);
  const skips = opposite.filter(([from, to]) => to - from > 1 && scale[from] === scale[to]);
  return { scale, edges: [...chain(scale.length).edges, ...skips] };
};

/** The six-layer multi-scale network: down twice, up twice, skips between equal scales (SPEC section 3). */
export const multiScale: Wiring = pyramid(scale);

/** Ablation in the manner of UNet3+: every decoder layer reads from all encoder scales (SPEC section 3). */
export const multiScaleUNet3Plus: Wiring = {
  scale,
  edges: [...chain(6).edges, [0, 3], [1, 3], [0, 4], [1, 4], [0, 5], [3, 5]],
};

/** Ablation with dense connections: every layer reads from all before it (SPEC section 3). */
export const multiScaleFullyConnected: Wiring = {
  scale,
  edges: scale.flatMap((_, to) => Array.from({ length: to }, (_, from) => [from, to] as const)),
};

/**
 * Checks a wiring, and that frames of height x width pass through it.
 * Errors: no layers, an edge to an unknown layer, a cycle within a step, a layer nobody feeds, scales that do not divide
 * one another, first or last layer not at full size, frame sides not divisible by a layer's scale.
 */
export function validateWiring({ scale, edges }: Wiring, height: number, width: number): void {
  const layers = scale.length;
  if (layers === 0) throw new UserError("wiring has no layers, expected at least one");
  for (const [layer, s] of scale.entries()) {
    if (!Number.isInteger(s) || s < 1)
      throw new UserError(`layer ${layer} has scale ${s}, expected a whole number from 1`);
    if (height % s !== 0 || width % s !== 0) {
      throw new UserError(
        `frames are ${height}x${width}, but layer ${layer} of the wiring works at 1/${s} size: ` +
          `height and width must be divisible by ${Math.max(...scale)}`,
      );
    }
  }
  if (scale[0] !== 1 || scale[layers - 1] !== 1) {
    throw new UserError(
      `first and last layer must be at full size (scale 1), got ${scale[0]} and ${scale[layers - 1]}`,
    );
  }
  const fed = new Set([0]);
  for (const [from, to] of edges) {
    for (const layer of [from, to]) {
      if (!(layer in scale))
        throw new UserError(`edge ${from} -> ${to}: unknown layer ${layer}, there are 0 to ${layers - 1}`);
    }
    if (from >= to)
      throw new UserError(`edge ${from} -> ${to} makes a cycle within a step: edges must go to a later layer`);
    if (scale[from] % scale[to] !== 0 && scale[to] % scale[from] !== 0) {
      throw new UserError(
        `edge ${from} -> ${to} joins scales ${scale[from]} and ${scale[to]}: neither divides the other`,
      );
    }
    fed.add(to);
  }
  for (const layer of scale.keys()) {
    if (!fed.has(layer)) throw new UserError(`layer ${layer} has no incoming edge`);
  }
}
