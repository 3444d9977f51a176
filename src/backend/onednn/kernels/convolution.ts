import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "../backend";
import type { Kernels } from "../kernel";
import type { Buffer } from "../native";
import { type Form, floatsOf, LANES } from "../storage";
import { epilogue, finish } from "./epilogue";

interface Plan {
  readonly plan: number;
  /** Convolutions of one layout share packed weights. */
  readonly layout: number;
  readonly weightFloats: number;
  readonly scratchFloats: number;
  readonly reorderFloats: number;
}

type Kind = "output" | "input" | "weights";

/** Functions of native/ops/convolution.cpp. */
export interface ConvolutionFunctions {
  /** Nothing where oneDNN has no such convolution on this processor. */
  convolutionPlan(
    kind: Kind,
    winograd: boolean,
    blocked: boolean,
    bias: boolean,
    half: boolean,
    geometry: readonly number[],
    padding: readonly number[],
  ): Plan | undefined;
  dropPlan(plan: number): void;
  reorderWeights(plan: number, from: Buffer, to: Buffer, scratch: Buffer): void;
  convolve(plan: number, first: Buffer, second: Buffer, result: Buffer, scratch: Buffer, bias?: Buffer): void;
}

/** Plans that are kept ready; a network has some dozens. */
const KEPT = 1024;

type Info = tf.backend_util.Conv2DInfo;
interface Ready extends Plan {
  readonly form: Form;
  /** Operands in bfloat16. */
  readonly half: boolean;
}

const plans = new Map<string, Ready | undefined>();

/**
 * The plan of a convolution, chosen by a fixed rule: Winograd's where it pays and the processor has it (AVX-512); otherwise
 * the direct one, which is as fast on either form (but for `plainPays`), so it keeps the form its operands come in. Where
 * Winograd's pays for the weights alone, the direct one too makes maps blocked: they will be wanted so.
 */
function planOf(
  backend: OnednnBackend,
  kind: Kind,
  info: Info,
  operands: readonly Form[],
  bias = false,
  precision = backend.precision,
): Ready | undefined {
  const blocked =
    (operands.every((form) => form === "blocked") || winogradPays("weights", info)) &&
    !plainPays(kind, info) &&
    info.inChannels % LANES === 0 &&
    info.outChannels % LANES === 0;
  const { top, left } = info.padInfo;
  const geometry = [
    ...[info.batchSize, info.inHeight, info.inWidth, info.inChannels, info.outHeight, info.outWidth, info.outChannels],
    ...[
      info.filterHeight,
      info.filterWidth,
      info.strideHeight,
      info.strideWidth,
      info.dilationHeight,
      info.dilationWidth,
    ],
  ];
  const half = precision === "bf16" && Math.min(info.inChannels, info.outChannels) >= LANES;
  const key = `${kind} ${blocked} ${bias} ${half} ${geometry} ${top} ${left}`;
  const known = plans.get(key);
  if (known || plans.has(key)) return known;
  // What the last window reads beyond the map; below 0 where it does not reach the edge.
  const bottom = (info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight - info.inHeight - top;
  const right = (info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth - info.inWidth - left;
  const padding = [top, left, bottom, right];
  const make = (winograd: boolean, half: boolean, form: Form): Ready | undefined => {
    const plan = backend.native.convolutionPlan(kind, winograd, form === "blocked", bias, half, geometry, padding);
    return plan && { ...plan, half, form };
  };
  const form = blocked ? "blocked" : "plain";
  const ready =
    (half ? make(false, true, form) : undefined) ??
    (winogradPays(kind, info) ? make(true, false, "blocked") : undefined) ??
    make(false, false, form);
  if (plans.size >= KEPT) {
    const [oldest, old] = plans.entries().next().value as [string, Ready | undefined];
    plans.delete(oldest);
    if (old) backend.native.dropPlan(old.plan);
  }
  plans.set(key, ready);
  return ready;
}

/**
 * Measured for 16 to 256 channels and 16 to 512 tiles of 4x4. At 16 tiles and 128 -> 256 channels the direct algorithm takes
 * 0.9 to 1.0 of Winograd's time forwards and for the input's gradient, but 1.7 for the weights'; at 64 tiles 1.9 and 2.5.
 * With few channels it takes more tiles until the transformations pay.
 */
function winogradPays(kind: Kind, info: Info): boolean {
  const three = info.filterHeight === 3 && info.filterWidth === 3;
  const dense = info.strideHeight * info.strideWidth * info.dilationHeight * info.dilationWidth === 1;
  const tiles = info.batchSize * Math.ceil(info.outHeight / 4) * Math.ceil(info.outWidth / 4);
  const channels = Math.min(info.inChannels, info.outChannels);
  return three && dense && tiles >= (kind === "weights" ? 16 : 32) && tiles * channels ** 2 >= 2 ** 16;
}

/**
 * Weights' gradients of large kernels: measured 0.87 to 0.9 of their time on blocked maps for 5x5 on maps 64 wide and for 7x7
 * on any, more than it takes to make the maps plain; 5x5 on maps up to 32 wide take the same on either form.
 */
function plainPays(kind: Kind, info: Info): boolean {
  return kind === "weights" && (info.filterWidth > 5 || (info.filterWidth > 3 && info.outWidth > 32));
}

interface Attrs {
  readonly strides: number | [number, number];
  readonly pad: "same" | "valid" | number | tf.backend_util.ExplicitPadding;
  readonly dataFormat?: "NHWC" | "NCHW";
  readonly dilations?: number | [number, number];
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

type Shape4D = [number, number, number, number];

/** Geometry of a convolution that the engine can do; nothing where tfjs's own kernel must. */
function geometryOf(inShape: number[], filterShape: number[], attrs: Attrs): Info | undefined {
  if (attrs.dataFormat === "NCHW" || inShape.length !== 4) return undefined;
  const { strides, pad, dilations, dimRoundingMode } = attrs;
  const [x, filter] = [inShape as Shape4D, filterShape as Shape4D];
  const info = tf.backend_util.computeConv2DInfo(x, filter, strides, dilations ?? 1, pad, dimRoundingMode);
  const sizes = [
    info.batchSize,
    info.inHeight,
    info.inWidth,
    info.outHeight,
    info.outWidth,
    info.inChannels,
    info.outChannels,
  ];
  return sizes.every((size) => size > 0) && filterShape[2] === info.inChannels ? info : undefined;
}

/** True where dy has the size that the geometry gives; tfjs takes others and leaves out what is too much. */
const fits = (dy: tf.TensorInfo, info: Info): boolean => dy.shape.join() === info.outShape.join();

/** Maps in the form of a plan, narrowed to bfloat16 where it wants them so: once in the tensor's life. */
function operand(backend: OnednnBackend, maps: tf.TensorInfo, { form, half }: Ready): Buffer {
  const buffer = backend.buffer(maps, form);
  if (!half) return buffer;
  return backend.derive(maps, `half ${form} ${maps.shape}`, () => {
    const floats = floatsOf(maps.shape, form);
    const narrow = backend.native.allocate(Math.ceil(floats / 2));
    backend.native.narrow(floats, buffer, narrow);
    return narrow;
  });
}

/** Weights in the layout of a plan: packed once in the tensor's life. */
function packed(backend: OnednnBackend, weights: tf.TensorInfo, plan: Plan): Buffer {
  return backend.derive(weights, `weights ${plan.layout} ${weights.shape}`, () => {
    const buffer = backend.native.allocate(plan.weightFloats);
    const plain = backend.buffer(weights);
    backend.scratch(plan.reorderFloats, (scratch) => backend.native.reorderWeights(plan.plan, plain, buffer, scratch));
    return buffer;
  });
}

/** x [batch, H, W, in] with weights [kh, kw, in, out] -> [batch, H', W', out], plus a bias [out] where one is given. */
function forward(backend: OnednnBackend, x: tf.TensorInfo, weights: tf.TensorInfo, info: Info, bias?: tf.TensorInfo) {
  const plan = planOf(backend, "output", info, [backend.form(x)], bias !== undefined);
  if (!plan) return undefined;
  const [from, by] = [operand(backend, x, plan), packed(backend, weights, plan)];
  const offset = bias && backend.buffer(bias);
  const { info: y, buffer } = backend.output(info.outShape, plan.form);
  backend.scratch(plan.scratchFloats, (scratch) => {
    if (offset === undefined) backend.native.convolve(plan.plan, from, by, buffer, scratch);
    else backend.native.convolve(plan.plan, from, by, buffer, scratch, offset);
  });
  return y;
}

export const convolutionKernels: Kernels = {
  Conv2D: ({ inputs: { x, filter }, attrs, backend }) => {
    const info = backend.computable(x, filter) ? geometryOf(x.shape, filter.shape, attrs as Attrs) : undefined;
    return info && forward(backend, x, filter, info);
  },

  FusedConv2D: ({ inputs: { x, filter, bias, preluActivationWeights }, attrs, backend }) => {
    const activate = epilogue(attrs, preluActivationWeights);
    const info =
      activate && backend.computable(x, filter) ? geometryOf(x.shape, filter.shape, attrs as Attrs) : undefined;
    if (!activate || !info) return undefined;
    const vector = bias && bias.dtype === "float32" && tf.util.sizeFromShape(bias.shape) === info.outChannels;
    const y = forward(backend, x, filter, info, vector ? bias : undefined);
    return y && finish(backend, y, vector ? undefined : bias, activate);
  },

  Conv2DBackpropInput: ({ inputs: { dy, filter }, attrs, backend }) => {
    const info = backend.computable(dy, filter)
      ? geometryOf(attrs.inputShape, filter.shape, attrs as Attrs)
      : undefined;
    const plan = info && fits(dy, info) ? planOf(backend, "input", info, [backend.form(dy)]) : undefined;
    if (!info || !plan) return undefined;
    const [from, by] = [operand(backend, dy, plan), packed(backend, filter, plan)];
    const { info: dx, buffer } = backend.output(info.inShape, plan.form);
    backend.scratch(plan.scratchFloats, (scratch) => backend.native.convolve(plan.plan, from, by, buffer, scratch));
    return dx;
  },

  Conv2DBackpropFilter: ({ inputs: { x, dy }, attrs, backend }) => {
    const info = backend.computable(x, dy) ? geometryOf(x.shape, attrs.filterShape, attrs as Attrs) : undefined;
    const forms = [backend.form(x), backend.form(dy)];
    const plan = info && fits(dy, info) ? planOf(backend, "weights", info, forms) : undefined;
    if (!info || !plan) return undefined;
    const [from, by] = [operand(backend, x, plan), operand(backend, dy, plan)];
    // The same rule gives the same plan, should this one have been dropped by then.
    const { precision } = backend;
    const unpack = (packed: Buffer, plain: Buffer) => {
      const { plan: again } = planOf(backend, "weights", info, forms, false, precision) as Ready;
      backend.scratch(plan.reorderFloats, (scratch) => backend.native.reorderWeights(again, packed, plain, scratch));
    };
    const layout = `${plan.layout} ${info.filterShape}`;
    const { info: dw, buffer } = backend.outputPacked(info.filterShape, { floats: plan.weightFloats, layout, unpack });
    backend.scratch(plan.scratchFloats, (scratch) => backend.native.convolve(plan.plan, from, by, buffer, scratch));
    return dw;
  },
};
