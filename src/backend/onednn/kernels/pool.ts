import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "../backend";
import type { KernelCall, Kernels } from "../kernel";
import type { Buffer } from "../native";
import { type Form, LANES } from "../storage";
import { reshaped } from "./rearrange";

/**
 * batch, inHeight, inWidth, channels, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth, padTop,
 * padLeft
 */
type Pooling = [number, number, number, number, number, number, number, number, number, number, number, number];

/** Functions of native/ops/pool.cpp, on maps [batch, height, width, channels]. Windows are clipped to the map. */
export interface PoolFunctions {
  maxPool(x: Buffer, out: Buffer, ...pooling: Pooling): void;
  /** Means over the entries inside the map. */
  averagePool(x: Buffer, out: Buffer, ...pooling: Pooling): void;
  /** dy goes to the first largest entry of each window in row order. */
  maxPoolGradient(dy: Buffer, x: Buffer, dx: Buffer, ...pooling: Pooling): void;
  /** Every entry of a window gets dy / (filterHeight · filterWidth), also where the mean was over fewer, as in tfjs. */
  averagePoolGradient(dy: Buffer, dx: Buffer, ...pooling: Pooling): void;
}

type Plan = ReturnType<typeof tf.backend_util.computePool2DInfo>;

const planOf = (x: tf.TensorInfo, { filterSize, strides, pad, dimRoundingMode }: KernelCall["attrs"]): Plan =>
  tf.backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );

/** False for what tfjs computes in its own way: other types, nothing to compute, windows beyond negative padding. */
function usable(plan: Plan, backend: OnednnBackend, ...maps: tf.TensorInfo[]): boolean {
  const { top, left } = plan.padInfo;
  return (
    backend.computable(...maps) &&
    maps.every(({ dtype }) => dtype === "float32") &&
    tf.util.sizeFromShape(plan.outShape) > 0 &&
    Math.min(top, left) >= 0 &&
    Number.isInteger(top) &&
    Number.isInteger(left)
  );
}

/** Blocked maps are pooled as a batch of all blocks, if every window has entries: without, lanes would become infinite. */
function formOf(x: tf.TensorInfo, plan: Plan, backend: OnednnBackend): Form {
  const { padInfo, filterHeight, filterWidth, strideHeight, strideWidth } = plan;
  const filled =
    padInfo.top < filterHeight &&
    padInfo.left < filterWidth &&
    (plan.outHeight - 1) * strideHeight - padInfo.top < plan.inHeight &&
    (plan.outWidth - 1) * strideWidth - padInfo.left < plan.inWidth;
  return filled ? backend.form(x) : "plain";
}

function pooling(plan: Plan, form: Form): Pooling {
  const blocks = Math.ceil(plan.inChannels / LANES);
  const [batch, channels] = form === "blocked" ? [plan.batchSize * blocks, LANES] : [plan.batchSize, plan.inChannels];
  const { inHeight, inWidth, outHeight, outWidth, padInfo } = plan;
  const { filterHeight, filterWidth, strideHeight, strideWidth } = plan;
  const [filter, strides, pad] = [
    [filterHeight, filterWidth],
    [strideHeight, strideWidth],
    [padInfo.top, padInfo.left],
  ];
  return [batch, inHeight, inWidth, channels, outHeight, outWidth, ...filter, ...strides, ...pad] as Pooling;
}

const pool =
  (kernel: "maxPool" | "averagePool") =>
  ({ inputs: { x }, attrs, backend }: KernelCall): tf.TensorInfo | undefined => {
    const plan = planOf(x, attrs);
    if (!usable(plan, backend, x)) return undefined;
    if (plan.filterHeight === 1 && plan.filterWidth === 1 && tf.util.arraysEqual(plan.inShape, plan.outShape)) {
      return reshaped(x, x.shape, backend);
    }
    const form = formOf(x, plan, backend);
    const { info, buffer } = backend.output(plan.outShape, form);
    backend.native[kernel](backend.buffer(x, form), buffer, ...pooling(plan, form));
    return info;
  };

function maxPoolGradient({ inputs: { dy, input }, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const plan = planOf(input, attrs);
  if (!usable(plan, backend, dy, input) || !tf.util.arraysEqual(dy.shape, plan.outShape)) return undefined;
  const form = formOf(input, plan, backend);
  const { info, buffer } = backend.output(input.shape, form);
  backend.native.maxPoolGradient(backend.buffer(dy, form), backend.buffer(input, form), buffer, ...pooling(plan, form));
  return info;
}

function averagePoolGradient({ inputs: { dy, input }, attrs, backend }: KernelCall): tf.TensorInfo | undefined {
  const plan = planOf(input, attrs);
  if (!usable(plan, backend, dy) || !tf.util.arraysEqual(dy.shape, plan.outShape)) return undefined;
  const form = formOf(dy, plan, backend);
  const { info, buffer } = backend.output(input.shape, form);
  backend.native.averagePoolGradient(backend.buffer(dy, form), buffer, ...pooling(plan, form));
  return info;
}

export const poolKernels: Kernels = {
  AvgPool: pool("averagePool"),
  AvgPoolGrad: averagePoolGradient,
  MaxPool: pool("maxPool"),
  MaxPoolGrad: maxPoolGradient,
};
