import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "../backend";
import type { Kernels, NativeKernel } from "../kernel";
import type { Buffer } from "../native";
import { type Form, floatsOf, LANES, mapSizes } from "../storage";

/** Functions of native/ops/elementwise.cpp. */
export interface ElementwiseFunctions {
  /** y = f(x); p and q are the function's parameters. */
  unary(f: string, x: Buffer, y: Buffer, floats: number, p: number, q: number): void;
  /** y = f(a, b), y without gaps; strides of 0 repeat an operand. */
  binary(f: string, a: Buffer, b: Buffer, y: Buffer, sizes: number[], aStrides: number[], bStrides: number[]): void;
  /** y = condition is 1 ? a : b; one condition for `inner` numbers. */
  select(condition: Buffer, a: Buffer, b: Buffer, y: Buffer, rows: number, inner: number): void;
  /** y = the sum of all inputs, added in their order. */
  addAll(inputs: Buffer[], y: Buffer, floats: number): void;
  fill(y: Buffer, floats: number, value: number): void;
}

type Shape = readonly number[];
const same = (a: Shape, b: Shape) => a.length === b.length && a.every((n, i) => n === b[i]);
const blocks = (channels: number) => Math.ceil(channels / LANES);

/** Makes lanes without a channel 0 again. */
function clear(backend: OnednnBackend, buffer: Buffer, shape: Shape, form: Form): void {
  if (form === "blocked") backend.native.clearLanes(buffer, ...mapSizes(shape));
}

/** How a function of one number is computed. */
interface UnaryOptions {
  /** The native function's name. Default: the kernel's. */
  f?: string;
  dtype?: "float32" | "bool";
  /** f(0) is not 0. */
  clears?: boolean;
  /** The function's parameters. */
  // biome-ignore lint/suspicious/noExplicitAny: attributes of any kernel
  parameters?: (attrs: Record<string, any>) => [number, number];
}

/** y = f(x) in the form of x. Functions that give float32 take only that. */
function unary(
  name: string,
  { f = name, dtype = "float32", clears = false, parameters }: UnaryOptions = {},
): NativeKernel {
  return ({ inputs: { x }, attrs, backend }) => {
    if (!backend.computable(x) || (dtype === "float32" && x.dtype !== "float32")) return undefined;
    const form = backend.form(x);
    const from = backend.buffer(x, form);
    const { info, buffer } = backend.output(x.shape, form, dtype);
    const [p, q] = parameters?.(attrs) ?? [0, 0];
    backend.native.unary(f, from, buffer, floatsOf(x.shape, form), p, q);
    if (clears) clear(backend, buffer, x.shape, form);
    return info;
  };
}

interface Operand {
  readonly buffer: Buffer;
  readonly strides: number[];
}

/** Strides of a tensor laid out as `shape` within axes of `sizes`: 0 where it is repeated. */
function stridesWithin(shape: Shape, sizes: Shape): number[] {
  const all = tf.util.computeStrides([...shape, 1]);
  return sizes.map((_, i) => {
    const axis = i - (sizes.length - shape.length);
    return axis < 0 || shape[axis] === 1 ? 0 : all[axis];
  });
}

/** A tensor as an operand of a blocked result of this shape. */
function blockedOperand(backend: OnednnBackend, info: tf.TensorInfo, shape: Shape): Operand {
  const [batch, height, width, channels] = [...Array(4 - info.shape.length).fill(1), ...info.shape];
  const sizes = [shape[0], blocks(shape[3]), shape[1], shape[2], LANES];
  if (same(info.shape, shape)) return { buffer: backend.buffer(info, "blocked"), strides: stridesWithin(sizes, sizes) };
  if (channels === 1) {
    return { buffer: backend.buffer(info), strides: stridesWithin([batch, 1, height, width, 1], sizes) };
  }
  const own = [batch, height, width, channels];
  const buffer = backend.derive(info, `blocked ${own}`, () => {
    const plain = backend.buffer(info);
    const made = backend.native.allocate(floatsOf(own, "blocked"));
    backend.native.block(plain, made, ...mapSizes(own));
    return made;
  });
  return { buffer, strides: stridesWithin([batch, blocks(channels), height, width, LANES], sizes) };
}

/** How a function of two numbers is computed. */
interface BinaryOptions {
  dtype?: "float32" | "bool";
  /** f(0, 0) is not 0. */
  clears?: boolean;
  /** Names of the operands. Default a and b. */
  names?: readonly [string, string];
}

/** y = f(a, b) with broadcasting; blocked where an operand of the result's shape is. */
function binary(
  f: string,
  { dtype = "float32", clears = false, names = ["a", "b"] }: BinaryOptions = {},
): NativeKernel {
  return ({ inputs, backend }) => {
    const [a, b] = names.map((name) => inputs[name] as tf.TensorInfo);
    if (!backend.computable(a, b) || (dtype === "float32" && a.dtype !== "float32")) return undefined;
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    if (shape.length > 6) return undefined;
    const whole = [a, b].filter((info) => same(info.shape, shape));
    const form = whole.some((info) => backend.form(info) === "blocked") ? "blocked" : "plain";
    const sizes = form === "plain" ? shape : [shape[0], blocks(shape[3]), shape[1], shape[2], LANES];
    const [left, right] = [a, b].map((info) =>
      form === "plain"
        ? { buffer: backend.buffer(info), strides: stridesWithin(info.shape, shape) }
        : blockedOperand(backend, info, shape),
    );
    const { info, buffer } = backend.output(shape, form, dtype);
    backend.native.binary(f, left.buffer, right.buffer, buffer, sizes, left.strides, right.strides);
    // A repeated operand may meet empty lanes with anything.
    if (clears || whole.length < 2) clear(backend, buffer, shape, form);
    return info;
  };
}

const plainAdd = binary(tf.Add);

/** Gradients of one kernel at several time steps are added up in the order in which the convolution leaves them. */
const add: NativeKernel = (call) => {
  const { a, b } = call.inputs;
  const [first, second] = [a, b].map((info) => call.backend.packed(info));
  if (!first || first.layout !== second?.layout || !same(a.shape, b.shape)) return plainAdd(call);
  const { info, buffer } = call.backend.outputPacked(a.shape, first);
  call.backend.native.addAll([first.buffer, second.buffer], buffer, first.floats);
  return info;
};

const bool = { dtype: "bool" } as const;

const select: NativeKernel = ({ inputs: { condition, t, e }, backend }) => {
  if (!backend.computable(condition, t, e) || t.dtype !== "float32" || e.dtype !== "float32") return undefined;
  if (!same(t.shape, e.shape)) return undefined;
  const whole = same(condition.shape, t.shape);
  if (!whole && !(condition.shape.length === 1 && condition.shape[0] === t.shape[0])) return undefined;
  const operands: tf.TensorInfo[] = whole ? [condition, t, e] : [t, e];
  const form = whole && operands.some((info) => backend.form(info) === "blocked") ? "blocked" : "plain";
  const [when, yes, no] = [condition, t, e].map((info) => backend.buffer(info, form));
  const { info, buffer } = backend.output(t.shape, form);
  const floats = floatsOf(t.shape, form);
  const rows = whole ? floats : condition.shape[0];
  backend.native.select(when, yes, no, buffer, rows, floats / rows);
  return info;
};

const addN: NativeKernel = ({ inputs, backend }) => {
  const list = inputs as unknown as tf.TensorInfo[];
  if (
    !backend.computable(...list) ||
    list.some(({ dtype, shape }) => dtype !== "float32" || !same(shape, list[0].shape))
  )
    return undefined;
  const { shape } = list[0];
  const form = list.some((info) => backend.form(info) === "blocked") ? "blocked" : "plain";
  const buffers = list.map((info) => backend.buffer(info, form));
  const { info, buffer } = backend.output(shape, form);
  backend.native.addAll(buffers, buffer, floatsOf(shape, form));
  return info;
};

const fillable = (shape: Shape, dtype: string, value: unknown) =>
  dtype === "float32" && typeof value === "number" && tf.util.sizeFromShape([...shape]) > 0;

/** A tensor like x with one value everywhere. */
const like =
  (value: number): NativeKernel =>
  ({ inputs: { x }, backend }) => {
    if (!fillable(x.shape, x.dtype, value)) return undefined;
    const form = backend.form(x);
    const { info, buffer } = backend.output(x.shape, form);
    backend.native.fill(buffer, floatsOf(x.shape, form), value);
    if (value !== 0) clear(backend, buffer, x.shape, form);
    return info;
  };

const fill: NativeKernel = ({ attrs: { shape, value, dtype }, backend }) => {
  if (!fillable(shape, dtype ?? tf.util.inferDtype(value), value)) return undefined;
  const { info, buffer } = backend.output(shape);
  backend.native.fill(buffer, floatsOf(shape, "plain"), value);
  return info;
};

const toBool = unary(tf.Cast, { f: "NotZero", dtype: "bool" });

const cast: NativeKernel = (call) => {
  const { x } = call.inputs;
  const { dtype } = call.attrs;
  if (dtype === "bool" && x.dtype === "float32") return toBool(call);
  // tfjs would let both types share one store, in which native kernels then find whole numbers.
  if (dtype === "float32" && x.dtype === "int32") {
    const { values } = call.backend.stored(x.dataId);
    return call.backend.makeTensorInfo(x.shape, dtype, Float32Array.from(values as Int32Array));
  }
  return undefined;
};

/** Those whose value at 0 is 0 and that have no parameters. */
const simple = [
  ...[tf.Abs, tf.Neg, tf.Square, tf.Sqrt, tf.Expm1, tf.Log1p, tf.Tanh, tf.Relu, tf.Relu6, tf.Elu, tf.Sign],
  ...[tf.Floor, tf.Ceil, tf.Round, tf.Sin, tf.Erf],
];
const clearing = [tf.Rsqrt, tf.Exp, tf.Log, tf.Sigmoid, tf.Softplus, tf.Reciprocal, tf.Cos];
const arithmetic = [tf.Sub, tf.Multiply, tf.Maximum, tf.Minimum, tf.SquaredDifference];

const table = (names: string[], kernel: (name: string) => NativeKernel): Kernels =>
  Object.fromEntries(names.map((name) => [name, kernel(name)]));

export const elementwiseKernels: Kernels = {
  ...table(simple, (name) => unary(name)),
  ...table(clearing, (name) => unary(name, { clears: true })),
  ...table([tf.IsNan, tf.IsInf], (name) => unary(name, bool)),
  ...table([tf.IsFinite, tf.LogicalNot], (name) => unary(name, { ...bool, clears: true })),
  [tf.LeakyRelu]: unary(tf.LeakyRelu, { parameters: ({ alpha }) => [alpha, 0] }),
  [tf.Step]: unary(tf.Step, { clears: true, parameters: ({ alpha }) => [alpha ?? 0, 0] }),
  [tf.ClipByValue]: unary(tf.ClipByValue, {
    clears: true,
    parameters: ({ clipValueMin, clipValueMax }) => [clipValueMin, clipValueMax],
  }),
  ...table(arithmetic, (name) => binary(name)),
  [tf.Add]: add,
  ...table([tf.RealDiv, tf.Pow, tf.Mod], (name) => binary(name, { clears: true })),
  [tf.Prelu]: binary(tf.Prelu, { names: ["x", "alpha"] }),
  [tf.EluGrad]: binary(tf.EluGrad, { names: ["dy", "y"] }),
  ...table([tf.NotEqual, tf.Less, tf.Greater, tf.LogicalAnd, tf.LogicalOr], (name) => binary(name, bool)),
  ...table([tf.Equal, tf.LessEqual, tf.GreaterEqual], (name) => binary(name, { ...bool, clears: true })),
  [tf.Select]: select,
  [tf.AddN]: addN,
  [tf.ZerosLike]: like(0),
  [tf.OnesLike]: like(1),
  [tf.Fill]: fill,
  [tf.Cast]: cast,
};
