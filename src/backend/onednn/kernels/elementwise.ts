import type { Kernels } from "../kernel";

/** Functions of native/ops/elementwise.cpp. */
// biome-ignore lint/suspicious/noEmptyInterface: under construction
export interface ElementwiseFunctions {}

export const elementwiseKernels: Kernels = {};
