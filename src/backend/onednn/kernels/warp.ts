import type * as tf from "@tensorflow/tfjs";
import { WARP, WARP_GRAD } from "../../../ops/warp";
import type { OnednnBackend } from "../backend";
import type { KernelCall, Kernels } from "../kernel";
import type { Buffer } from "../native";
import { type Form, LANES } from "../storage";

type Sizes = [
  batch: number,
  height: number,
  width: number,
  channels: number,
  links: number,
  blocked: boolean,
  negated: boolean,
  aligned: boolean,
];

/** Functions of native/ops/warp.cpp, for `warp` of ops/warp.ts. Maps are plain or blocked, flow is plain. */
export interface WarpFunctions {
  warp(...args: [...sizes: Sizes, a: Buffer, flow: Buffer, out: Buffer]): void;
  warpGradient(...args: [...sizes: Sizes, a: Buffer, flow: Buffer, dy: Buffer, da: Buffer, dflow: Buffer]): void;
}

/** Blocks of links are joined, so that blocked maps stay blocked if they have whole blocks. */
function sizesOf(
  backend: OnednnBackend,
  a: tf.TensorInfo,
  flow: tf.TensorInfo,
  { sign, alignment }: KernelCall["attrs"],
): [Form, Sizes] {
  const [batch, height, width, channels] = a.shape;
  const form = channels % LANES === 0 ? backend.form(a) : "plain";
  const links = flow.shape[3] / 2;
  return [form, [batch, height, width, channels, links, form === "blocked", sign < 0, alignment === "clean"]];
}

export const warpKernels: Kernels = {
  [WARP]: ({ inputs: { a, flow }, attrs, backend }) => {
    const [form, sizes] = sizesOf(backend, a, flow, attrs);
    const [aIn, flowIn] = [backend.buffer(a, form), backend.buffer(flow)];
    const [batch, height, width, channels, links] = sizes;
    const out = backend.output([batch, height, width, links * channels], form);
    backend.native.warp(...sizes, aIn, flowIn, out.buffer);
    return out.info;
  },

  [WARP_GRAD]: ({ inputs: { a, flow, dy }, attrs, backend }) => {
    const [form, sizes] = sizesOf(backend, a, flow, attrs);
    const [aIn, flowIn, dyIn] = [backend.buffer(a, form), backend.buffer(flow), backend.buffer(dy, form)];
    const [da, dflow] = [backend.output(a.shape, form), backend.output(flow.shape)];
    backend.native.warpGradient(...sizes, aIn, flowIn, dyIn, da.buffer, dflow.buffer);
    return [da.info, dflow.info];
  },
};
