import type * as tf from "@tensorflow/tfjs";
import { UPSAMPLE, UPSAMPLE_GRAD } from "../../../ops/resample";
import type { KernelCall, Kernels } from "../kernel";
import type { Buffer } from "../native";
import { type Form, LANES } from "../storage";

/** batch, height, width, channels of the small map, factor */
type Upsampling = [number, number, number, number, number];

/** Functions of native/ops/upsample.cpp: bilinear, half-pixel centres, clamped edges. */
export interface UpsampleFunctions {
  upsample(x: Buffer, out: Buffer, ...sizes: Upsampling): void;
  /** The exact transpose of `upsample`. */
  upsampleGradient(dy: Buffer, dx: Buffer, ...sizes: Upsampling): void;
}

/** Blocked maps are a batch of all blocks with 16 channels. */
function upsampling([batch, height, width, channels]: number[], factor: number, form: Form): Upsampling {
  if (form === "plain") return [batch, height, width, channels, factor];
  return [batch * Math.ceil(channels / LANES), height, width, LANES, factor];
}

function upsample({ inputs: { x }, attrs: { factor }, backend }: KernelCall): tf.TensorInfo | undefined {
  if (!backend.computable(x) || x.dtype !== "float32") return undefined;
  const [batch, height, width, channels] = x.shape;
  const form = backend.form(x);
  const { info, buffer } = backend.output([batch, height * factor, width * factor, channels], form);
  backend.native.upsample(backend.buffer(x, form), buffer, ...upsampling(x.shape, factor, form));
  return info;
}

function upsampleGradient({ inputs: { dy }, attrs: { factor }, backend }: KernelCall): tf.TensorInfo | undefined {
  if (!backend.computable(dy) || dy.dtype !== "float32") return undefined;
  const [batch, height, width, channels] = dy.shape;
  const shape = [batch, height / factor, width / factor, channels];
  const form = backend.form(dy);
  const { info, buffer } = backend.output(shape, form);
  backend.native.upsampleGradient(backend.buffer(dy, form), buffer, ...upsampling(shape, factor, form));
  return info;
}

export const upsampleKernels: Kernels = {
  [UPSAMPLE]: upsample,
  [UPSAMPLE_GRAD]: upsampleGradient,
};
