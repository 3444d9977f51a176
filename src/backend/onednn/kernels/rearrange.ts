import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "../backend";
import type { KernelCall, Kernels } from "../kernel";

// Elements of one tensor in another order: transposed, repeated, reversed, by steps, by index. Results are plain.

export type Info = tf.TensorInfo;
export type Shape = number[];

export const sizeOf = (shape: Shape) => tf.util.sizeFromShape(shape);
export const stridesOf = (shape: Shape) => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
export const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** Most indices that a call may carry to the engine. */
const MOST_INDICES = 65536;

/** The same numbers in the same order under another shape: no copy. */
export function reshaped(x: Info, shape: Shape, backend: OnednnBackend): Info {
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape, dtype: x.dtype };
}

/** A new plain tensor with elements of x at equal distances along each axis. */
function strided(x: Info, shape: Shape, axes: Shape, strides: number[], offset: number, backend: OnednnBackend): Info {
  const { info, buffer } = backend.output(shape, "plain", x.dtype);
  backend.native.stridedCopy(backend.buffer(x), buffer, axes, strides, offset);
  return info;
}

function stridedSlice({ inputs: { x }, attrs, backend }: KernelCall): Info | undefined {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attrs;
  const info = tf.slice_util.sliceInfo(
    x.shape,
    begin,
    end,
    strides,
    beginMask,
    endMask,
    ellipsisMask,
    newAxisMask,
    shrinkAxisMask,
  );
  if (!backend.computable(x) || sizeOf(info.finalShape) === 0) return undefined;
  if (info.isIdentity) return reshaped(x, info.finalShape, backend);
  const steps = stridesOf(x.shape);
  return strided(
    x,
    info.finalShape,
    info.begin.map((first, axis) => Math.ceil((info.end[axis] - first) / info.strides[axis])),
    steps.map((step, axis) => step * info.strides[axis]),
    dot(info.begin, steps),
    backend,
  );
}

function transpose({ inputs: { x }, attrs, backend }: KernelCall): Info | undefined {
  const order = attrs.perm as number[];
  if (!backend.computable(x)) return undefined;
  const shape = order.map((axis) => x.shape[axis]);
  const moved = order.filter((axis) => x.shape[axis] > 1);
  if (moved.every((axis, i) => i === 0 || moved[i - 1] < axis)) return reshaped(x, shape, backend);
  const strides = stridesOf(x.shape);
  const steps = order.map((axis) => strides[axis]);
  return strided(x, shape, shape, steps, 0, backend);
}

function tile({ inputs: { x }, attrs, backend }: KernelCall): Info | undefined {
  const times = attrs.reps as number[];
  if (!backend.computable(x) || times.some((count) => !(count > 0))) return undefined;
  const shape = x.shape.map((length: number, axis: number) => length * times[axis]);
  const strides = stridesOf(x.shape);
  const axes = x.shape.flatMap((length: number, axis: number) => [times[axis], length]);
  const steps = strides.flatMap((stride) => [0, stride]);
  return strided(x, shape, axes, steps, 0, backend);
}

function reverse({ inputs: { x }, attrs, backend }: KernelCall): Info | undefined {
  if (!backend.computable(x)) return undefined;
  const axes = tf.util.parseAxisParam(attrs.dims, x.shape);
  if (x.shape.length === 0) return reshaped(x, [], backend);
  const strides = stridesOf(x.shape);
  const steps = strides.map((stride, axis) => (axes.includes(axis) ? -stride : stride));
  const offset = axes.reduce((sum, axis) => sum + (x.shape[axis] - 1) * strides[axis], 0);
  return strided(x, x.shape, x.shape, steps, offset, backend);
}

/** Rows of x along an axis, by index. */
function taken(x: Info, axis: number, indices: number[], shape: Shape, backend: OnednnBackend): Info {
  const { info, buffer } = backend.output(shape, "plain", x.dtype);
  const [outer, inner] = [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis + 1))];
  backend.native.take(backend.buffer(x), buffer, outer, x.shape[axis], inner, indices);
  return info;
}

function gather({ inputs: { x, indices }, attrs, backend }: KernelCall): Info | undefined {
  if (!backend.computable(x) || attrs.batchDims || indices.dtype !== "int32") return undefined;
  const length = sizeOf(indices.shape);
  const axis = tf.util.parseAxisParam(attrs.axis, x.shape)[0];
  if (length === 0 || length > MOST_INDICES) return undefined;
  const list = Array.from(backend.readSync(indices.dataId) as Int32Array);
  // The cpu's kernel says what is wrong with them.
  if (list.some((index) => index < 0 || index >= x.shape[axis])) return undefined;
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return taken(x, axis, list, shape, backend);
}

function mirrorPad({ inputs: { x }, attrs, backend }: KernelCall): Info | undefined {
  const paddings = attrs.paddings as [number, number][];
  const edge = attrs.mode === "reflect" ? 0 : 1;
  const shape = paddings.map(([before, after], axis) => before + x.shape[axis] + after);
  if (!backend.computable(x) || shape.some((length) => length > MOST_INDICES)) return undefined;
  let info: Info = reshaped(x, x.shape, backend);
  for (const [axis, [before, after]] of paddings.entries()) {
    if (before === 0 && after === 0) continue;
    const size = x.shape[axis];
    const indices = Array.from({ length: shape[axis] }, (_, i) => {
      const at = i - before;
      if (at < 0) return -at - edge;
      return at >= size ? 2 * (size - 1) - at + edge : at;
    });
    const next = taken(info, axis, indices, [...shape.slice(0, axis + 1), ...x.shape.slice(axis + 1)], backend);
    backend.disposeIntermediateTensorInfo(info);
    info = next;
  }
  return info;
}

export const rearrangeKernels: Kernels = {
  GatherV2: gather,
  MirrorPad: mirrorPad,
  Reverse: reverse,
  StridedSlice: stridedSlice,
  Tile: tile,
  Transpose: transpose,
};
