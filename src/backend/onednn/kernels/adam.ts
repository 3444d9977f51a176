import type { Kernels } from "../kernel";
import type { Buffer } from "../native";

/** Functions of native/ops/adam.cpp. */
export interface AdamFunctions {
  /** One step of Adam; rates are lr / (1 - β1^t) and 1 / √(1 - β2^t). */
  adam(
    weight: Buffer,
    gradient: Buffer,
    first: Buffer,
    second: Buffer,
    rates: Buffer,
    nextWeight: Buffer,
    nextFirst: Buffer,
    nextSecond: Buffer,
    floats: number,
    beta1: number,
    beta2: number,
    epsilon: number,
  ): void;
}

export const adamKernels: Kernels = {
  AdamUpdate: ({ inputs: { weight, gradient, first, second, rates }, attrs: { beta1, beta2, epsilon }, backend }) => {
    if (!backend.computable(weight, gradient, first, second, rates)) return undefined;
    const [w, g, m, v, r] = [weight, gradient, first, second, rates].map((info) => backend.buffer(info));
    const next = [weight, first, second].map(({ shape }) => backend.output(shape));
    const [nextWeight, nextFirst, nextSecond] = next.map(({ buffer }) => buffer);
    const floats = weight.shape.reduce((a: number, b: number) => a * b, 1);
    backend.native.adam(w, g, m, v, r, nextWeight, nextFirst, nextSecond, floats, beta1, beta2, epsilon);
    return next.map(({ info }) => info);
  },
};
