import type { Kernels } from "../kernel";

/** Functions of native/ops/reduce.cpp. */
// biome-ignore lint/suspicious/noEmptyInterface: under construction
export interface ReduceFunctions {}

export const reduceKernels: Kernels = {};
