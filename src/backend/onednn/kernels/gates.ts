import type * as tf from "@tensorflow/tfjs";
import {
  GRU_GATES,
  gradientKernel,
  HIGHWAY,
  LEAKY_SLOPE,
  LSTM_GATES,
  MEMORY_GATES,
  OUTPUT_GATE,
} from "../../../ops/gates";
import type { OnednnBackend } from "../backend";
import type { Kernels } from "../kernel";
import type { Buffer } from "../native";
import { type Form, floatsOf, LANES } from "../storage";

/**
 * Functions of native/ops/gates.cpp, for the operations of ops/gates.ts. States are [outer, inner], joined gates
 * [outer, gates, inner].
 */
export interface GatesFunctions {
  lstmGates(outer: number, inner: number, z: Buffer, c: Buffer, h: Buffer, next: Buffer): void;
  lstmGatesGradient(
    outer: number,
    inner: number,
    z: Buffer,
    c: Buffer,
    dh: Buffer,
    dNext: Buffer,
    dz: Buffer,
    dc: Buffer,
  ): void;
  /** `buffers`: z, m, next, and o where `output` is true. */
  memoryGates(
    outer: number,
    inner: number,
    squash: boolean,
    forget: boolean,
    output: boolean,
    ...buffers: Buffer[]
  ): void;
  /** `buffers`: z, m, dz, dm, dNext, and do where `output` is true. */
  memoryGatesGradient(
    outer: number,
    inner: number,
    squash: boolean,
    forget: boolean,
    output: boolean,
    ...buffers: Buffer[]
  ): void;
  outputGate(floats: number, squash: boolean, o: Buffer, u: Buffer, h: Buffer): void;
  outputGateGradient(floats: number, squash: boolean, o: Buffer, u: Buffer, dh: Buffer, dO: Buffer, du: Buffer): void;
  gruGates(
    outer: number,
    inner: number,
    leaky: boolean,
    slope: number,
    zx: Buffer,
    zh: Buffer,
    h: Buffer,
    next: Buffer,
  ): void;
  gruGatesGradient(
    outer: number,
    inner: number,
    leaky: boolean,
    slope: number,
    zx: Buffer,
    zh: Buffer,
    h: Buffer,
    dNext: Buffer,
    dzx: Buffer,
    dzh: Buffer,
    dh: Buffer,
  ): void;
  highway(outer: number, inner: number, ps: Buffer, z: Buffer, next: Buffer): void;
  highwayGradient(outer: number, inner: number, ps: Buffer, z: Buffer, dNext: Buffer, dps: Buffer, dz: Buffer): void;
}

/**
 * One loop serves both forms: gates lie side by side in each row of [outer, gates, inner]. Plain, a row is a pixel; blocked,
 * a sample, if each gate has whole blocks. Joined gates decide the form, as they are the largest.
 */
function rows(backend: OnednnBackend, wide: tf.TensorInfo, state: tf.TensorInfo) {
  const channels = state.shape[state.shape.length - 1];
  const form: Form = channels % LANES === 0 ? backend.form(wide) : "plain";
  const floats = floatsOf(state.shape, form);
  const outer = form === "blocked" ? state.shape[0] : floats / channels;
  return {
    outer,
    inner: floats / outer,
    read: (info: tf.TensorInfo) => backend.buffer(info, form),
    make: (like: tf.TensorInfo) => backend.output(like.shape, form),
  };
}

const memoryOf = ({ memory, forget, output }: { memory?: string; forget?: string; output?: boolean }) =>
  [memory === "tanh", forget !== "none", output === true] as const;

const gruOf = ({ activation, slope }: { activation?: string; slope?: number }) =>
  [activation === "leaky", slope ?? LEAKY_SLOPE] as const;

/** Blocked where one of them is; lanes without a channel give 0. */
const formOf = (backend: OnednnBackend, o: tf.TensorInfo, u: tf.TensorInfo): Form =>
  backend.form(o) === "blocked" || backend.form(u) === "blocked" ? "blocked" : "plain";

export const gatesKernels: Kernels = {
  [LSTM_GATES]: ({ inputs: { z, c }, backend }) => {
    const { outer, inner, read, make } = rows(backend, z, c);
    const [zIn, cIn] = [read(z), read(c)];
    const [h, next] = [make(c), make(c)];
    backend.native.lstmGates(outer, inner, zIn, cIn, h.buffer, next.buffer);
    return [h.info, next.info];
  },

  [gradientKernel(LSTM_GATES)]: ({ inputs: { z, c, dh, dNext }, backend }) => {
    const { outer, inner, read, make } = rows(backend, z, c);
    const [zIn, cIn, dhIn, dNextIn] = [read(z), read(c), read(dh), read(dNext)];
    const [dz, dc] = [make(z), make(c)];
    backend.native.lstmGatesGradient(outer, inner, zIn, cIn, dhIn, dNextIn, dz.buffer, dc.buffer);
    return [dz.info, dc.info];
  },

  [MEMORY_GATES]: ({ inputs: { z, m }, attrs, backend }) => {
    const { outer, inner, read, make } = rows(backend, z, m);
    const [zIn, mIn] = [read(z), read(m)];
    const results = attrs.output ? [make(m), make(m)] : [make(m)];
    backend.native.memoryGates(outer, inner, ...memoryOf(attrs), zIn, mIn, ...results.map(({ buffer }) => buffer));
    return results.map(({ info }) => info);
  },

  [gradientKernel(MEMORY_GATES)]: ({ inputs: { z, m, dNext, dOutput }, attrs, backend }) => {
    const { outer, inner, read, make } = rows(backend, z, m);
    const [zIn, mIn] = [read(z), read(m)];
    const given = attrs.output ? [read(dNext), read(dOutput)] : [read(dNext)];
    const [dz, dm] = [make(z), make(m)];
    backend.native.memoryGatesGradient(outer, inner, ...memoryOf(attrs), zIn, mIn, dz.buffer, dm.buffer, ...given);
    return [dz.info, dm.info];
  },

  [OUTPUT_GATE]: ({ inputs: { o, u }, attrs, backend }) => {
    const form = formOf(backend, o, u);
    const [oIn, uIn] = [backend.buffer(o, form), backend.buffer(u, form)];
    const h = backend.output(o.shape, form);
    backend.native.outputGate(floatsOf(o.shape, form), attrs.gate === "tanh", oIn, uIn, h.buffer);
    return h.info;
  },

  [gradientKernel(OUTPUT_GATE)]: ({ inputs: { o, u, dh }, attrs, backend }) => {
    const form = formOf(backend, o, u);
    const [oIn, uIn, dhIn] = [backend.buffer(o, form), backend.buffer(u, form), backend.buffer(dh, form)];
    const [dO, du] = [backend.output(o.shape, form), backend.output(u.shape, form)];
    const floats = floatsOf(o.shape, form);
    backend.native.outputGateGradient(floats, attrs.gate === "tanh", oIn, uIn, dhIn, dO.buffer, du.buffer);
    return [dO.info, du.info];
  },

  [GRU_GATES]: ({ inputs: { zx, zh, h }, attrs, backend }) => {
    const { outer, inner, read, make } = rows(backend, zx, h);
    const [zxIn, zhIn, hIn] = [read(zx), read(zh), read(h)];
    const next = make(h);
    backend.native.gruGates(outer, inner, ...gruOf(attrs), zxIn, zhIn, hIn, next.buffer);
    return next.info;
  },

  [gradientKernel(GRU_GATES)]: ({ inputs: { zx, zh, h, dNext }, attrs, backend }) => {
    const { outer, inner, read, make } = rows(backend, zx, h);
    const given = [read(zx), read(zh), read(h), read(dNext)] as const;
    const [dzx, dzh, dh] = [make(zx), make(zh), make(h)];
    const results = [dzx.buffer, dzh.buffer, dh.buffer] as const;
    backend.native.gruGatesGradient(outer, inner, ...gruOf(attrs), ...given, ...results);
    return [dzx.info, dzh.info, dh.info];
  },

  [HIGHWAY]: ({ inputs: { ps, z }, backend }) => {
    const { outer, inner, read, make } = rows(backend, ps, z);
    const [psIn, zIn] = [read(ps), read(z)];
    const next = make(z);
    backend.native.highway(outer, inner, psIn, zIn, next.buffer);
    return next.info;
  },

  [gradientKernel(HIGHWAY)]: ({ inputs: { ps, z, dNext }, backend }) => {
    const { outer, inner, read, make } = rows(backend, ps, z);
    const [psIn, zIn, dNextIn] = [read(ps), read(z), read(dNext)];
    const [dps, dz] = [make(ps), make(z)];
    backend.native.highwayGradient(outer, inner, psIn, zIn, dNextIn, dps.buffer, dz.buffer);
    return [dps.info, dz.info];
  },
};
