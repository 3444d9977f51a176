import { LOCAL_ATTENTION, LOCAL_ATTENTION_GRAD } from "../../../ops/attention";
import type { Kernels } from "../kernel";
import type { Buffer } from "../native";

type Sizes = [batch: number, height: number, width: number, channels: number, window: number];
type Maps = [q: Buffer, k: Buffer, v: Buffer];

/** Functions of native/ops/attention.cpp, for `localAttention` of ops/attention.ts. Maps are plain. */
export interface AttentionFunctions {
  localAttention(...args: [...sizes: Sizes, ...maps: Maps, out: Buffer, level: Buffer, total: Buffer]): void;
  localAttentionGradient(
    ...args: [
      ...sizes: Sizes,
      ...maps: Maps,
      level: Buffer,
      total: Buffer,
      dy: Buffer,
      dq: Buffer,
      dk: Buffer,
      dv: Buffer,
    ]
  ): void;
}

export const attentionKernels: Kernels = {
  [LOCAL_ATTENTION]: ({ inputs: { q, k, v }, attrs, backend }) => {
    const sizes = [...q.shape, attrs.window] as Sizes;
    const maps = [q, k, v].map((info) => backend.buffer(info)) as Maps;
    const pixels = q.shape.slice(0, 3);
    const [out, level, total] = [q.shape, pixels, pixels].map((shape) => backend.output(shape));
    backend.native.localAttention(...sizes, ...maps, out.buffer, level.buffer, total.buffer);
    return [out.info, level.info, total.info];
  },

  [LOCAL_ATTENTION_GRAD]: ({ inputs: { q, k, v, level, total, dy }, attrs, backend }) => {
    const sizes = [...q.shape, attrs.window] as Sizes;
    const maps = [q, k, v].map((info) => backend.buffer(info)) as Maps;
    const [levels, totals, given] = [level, total, dy].map((info) => backend.buffer(info));
    const results = [q, k, v].map(({ shape }) => backend.output(shape));
    const [dq, dk, dv] = results.map(({ buffer }) => buffer);
    backend.native.localAttentionGradient(...sizes, ...maps, levels, totals, given, dq, dk, dv);
    return results.map(({ info }) => info);
  },
};
