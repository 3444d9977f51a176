import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "../backend";
import type { KernelCall, Kernels } from "../kernel";
import type { Buffer } from "../native";
import { type Form, LANES } from "../storage";
import { dot, type Info, rearrangeKernels, reshaped, type Shape, sizeOf, stridesOf } from "./rearrange";

/** Functions of native/ops/shape.cpp. */
export interface ShapeFunctions {
  /** out[outer, Σ inners]: rows of the inputs [outer, inners[i]] one after another. */
  concat(inputs: Buffer[], out: Buffer, outer: number, inners: number[]): void;
  /** out[outer, size] = x[outer, inner] from column `begin`. */
  slice(x: Buffer, out: Buffer, outer: number, inner: number, begin: number, size: number): void;
  /** out[i, j, ...] = x[offset + i · strides[0] + j · strides[1] + ...]; strides may be 0 or negative. */
  stridedCopy(x: Buffer, out: Buffer, shape: number[], strides: number[], offset: number): void;
  /** x at `before` in a larger box filled with `value`. */
  pad(x: Buffer, out: Buffer, inShape: number[], outShape: number[], before: number[], value: number): void;
  /** out[outer, indices.length, inner]: rows of x[outer, size, inner] by index. */
  take(x: Buffer, out: Buffer, outer: number, size: number, inner: number, indices: number[]): void;
}

// A blocked tensor [N, H, W, C] is a plain one [N, ceil(C / 16), H, W, 16] whose lanes beyond C are 0.

/** The axes of a tensor in the order in which its buffer has them. */
const stored = <T>(form: Form, [n, h, w, c]: T[], lanes: T, plain: T[]): T[] =>
  form === "blocked" ? [n, c, h, w, lanes] : plain;

/** Shape of a buffer that holds a tensor. */
function storedShape(shape: Shape, form: Form): Shape {
  const [n, h, w, c] = shape;
  return stored(form, [n, h, w, Math.ceil(c / LANES)], LANES, shape);
}

/** First index along each axis of a buffer, given those of the tensor. Blocks must not be cut. */
function storedBegin(begin: number[], form: Form): number[] {
  const [n, h, w, c] = begin;
  return stored(form, [n, h, w, c / LANES], 0, begin);
}

/** Tensors joined along an axis; `shape` is the result's. */
function joined(inputs: Info[], axis: number, shape: Shape, backend: OnednnBackend): Info {
  const whole = ({ shape }: Info) => shape[3] % LANES === 0;
  const form: Form =
    shape.length === 4 &&
    inputs.some((input) => backend.form(input) === "blocked") &&
    (axis < 3 || inputs.slice(0, -1).every(whole))
      ? "blocked"
      : "plain";
  const at = form === "blocked" ? [0, 2, 3, 1][axis] : axis;
  const shapes = inputs.map((input) => storedShape(input.shape, form));
  const { info, buffer } = backend.output(shape, form, inputs[0].dtype);
  backend.native.concat(
    inputs.map((input) => backend.buffer(input, form)),
    buffer,
    sizeOf(shapes[0].slice(0, at)),
    shapes.map((input) => sizeOf(input.slice(at))),
  );
  return info;
}

function concat({ inputs, attrs, backend }: KernelCall): Info | undefined {
  const list = inputs as unknown as Info[];
  const axis = tf.util.parseAxisParam(attrs.axis, list[0].shape)[0];
  const shapes = list.map(({ shape }) => shape);
  tf.backend_util.assertParamsConsistent(shapes, axis);
  if (!alike(list, backend)) return undefined;
  if (list.length === 1) return reshaped(list[0], list[0].shape, backend);
  return joined(list, axis, tf.backend_util.computeOutShape(shapes, axis), backend);
}

function pack({ inputs, attrs, backend }: KernelCall): Info | undefined {
  const list = inputs as unknown as Info[];
  const { shape, dtype } = list[0];
  for (const input of list) {
    tf.util.assertShapesMatch(shape, input.shape, "All tensors passed to stack must have matching shapes");
    tf.util.assert(dtype === input.dtype, () => "All tensors passed to stack must have matching dtypes");
  }
  if (!alike(list, backend)) return undefined;
  const axis = attrs.axis < 0 ? attrs.axis + shape.length + 1 : attrs.axis;
  const out = [...shape.slice(0, axis), list.length, ...shape.slice(axis)];
  if (list.length === 1) return reshaped(list[0], out, backend);
  const { info, buffer } = backend.output(out, "plain", dtype);
  const inner = sizeOf(shape.slice(axis));
  backend.native.concat(
    list.map((input) => backend.buffer(input)),
    buffer,
    sizeOf(shape.slice(0, axis)),
    list.map(() => inner),
  );
  return info;
}

const alike = (list: Info[], backend: OnednnBackend) =>
  backend.computable(...list) && list.every(({ dtype }) => dtype === list[0].dtype);

/** The form of a slice that needs no conversion; plain where blocks would be cut. */
function sliceForm(x: Info, begin: number[], size: Shape, backend: OnednnBackend): Form {
  if (backend.form(x) === "plain") return "plain";
  const whole = begin[3] % LANES === 0 && (size[3] % LANES === 0 || begin[3] + size[3] === x.shape[3]);
  return whole ? "blocked" : "plain";
}

/** x from `begin` on, `size` along each axis. */
function sliced(x: Info, begin: number[], size: Shape, backend: OnednnBackend): Info {
  if (tf.util.arraysEqual(x.shape, size)) return reshaped(x, size, backend);
  const form = sliceForm(x, begin, size, backend);
  const [from, to] = [storedShape(x.shape, form), storedShape(size, form)];
  const start = storedBegin(begin, form);
  const cut = from.flatMap((length, axis) => (length === to[axis] ? [] : [axis]));
  const { info, buffer } = backend.output(size, form, x.dtype);
  const source = backend.buffer(x, form);
  const axis = cut[0] ?? 0;
  const inner = sizeOf(from.slice(axis + 1));
  if (cut.length <= 1) {
    const outer = sizeOf(from.slice(0, axis));
    backend.native.slice(source, buffer, outer, from[axis] * inner, start[axis] * inner, to[axis] * inner);
  } else {
    const strides = stridesOf(from);
    backend.native.stridedCopy(source, buffer, to, strides, dot(start, strides));
  }
  return info;
}

function slice({ inputs: { x }, attrs, backend }: KernelCall): Info | undefined {
  const [begin, size] = tf.slice_util.parseSliceParams(x, attrs.begin, attrs.size);
  tf.slice_util.assertParamsValid(x, begin, size);
  if (!backend.computable(x) || sizeOf(size) === 0) return undefined;
  return sliced(x, begin, size, backend);
}

function splitV({ inputs: { x }, attrs, backend }: KernelCall): Info[] | undefined {
  const axis = tf.util.parseAxisParam(attrs.axis, x.shape)[0];
  const sizes = tf.backend_util.prepareSplitSize(x, attrs.numOrSizeSplits, axis);
  if (!backend.computable(x) || sizes.some((size) => size === 0)) return undefined;
  let start = 0;
  return sizes.map((length) => {
    const begin = x.shape.map((_: number, i: number) => (i === axis ? start : 0));
    const size = x.shape.map((all: number, i: number) => (i === axis ? length : all));
    start += length;
    return sliced(x, begin, size, backend);
  });
}

function unpack({ inputs: { value }, attrs, backend }: KernelCall): Info[] | undefined {
  if (!backend.computable(value)) return undefined;
  const axis = attrs.axis < 0 ? attrs.axis + value.shape.length : attrs.axis;
  const shape = value.shape.filter((_: number, i: number) => i !== axis);
  const [outer, inner] = [sizeOf(value.shape.slice(0, axis)), sizeOf(value.shape.slice(axis + 1))];
  const length = value.shape[axis];
  if (length === 1) return [reshaped(value, shape, backend)];
  return Array.from({ length }, (_, i) => {
    const { info, buffer } = backend.output(shape, "plain", value.dtype);
    backend.native.slice(backend.buffer(value), buffer, outer, length * inner, i * inner, inner);
    return info;
  });
}

function padV2({ inputs: { x }, attrs, backend }: KernelCall): Info | undefined {
  const paddings = attrs.paddings as [number, number][];
  const value: number = attrs.constantValue;
  if (!backend.computable(x) || paddings.some(([before, after]) => before < 0 || after < 0)) return undefined;
  if (x.dtype === "bool" && value !== 0 && value !== 1) return undefined;
  const shape = paddings.map(([before, after], axis) => before + x.shape[axis] + after);
  const before = paddings.map(([first]) => first);
  if (tf.util.arraysEqual(shape, x.shape)) return reshaped(x, shape, backend);
  // Lanes without a channel are 0, and so is what would be put behind them.
  const keeps = backend.form(x) === "blocked" && value === 0 && before[3] % LANES === 0;
  const form: Form = keeps ? "blocked" : "plain";
  const { info, buffer } = backend.output(shape, form, x.dtype);
  const [inShape, outShape] = [storedShape(x.shape, form), storedShape(shape, form)];
  backend.native.pad(backend.buffer(x, form), buffer, inShape, outShape, storedBegin(before, form), value);
  return info;
}

export const shapeKernels: Kernels = {
  ...rearrangeKernels,
  Concat: concat,
  Pack: pack,
  PadV2: padV2,
  Slice: slice,
  SplitV: splitV,
  Unpack: unpack,
};
