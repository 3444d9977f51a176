import type { Kernels } from "../kernel";

/** Functions of native/ops/adam.cpp. */
// biome-ignore lint/suspicious/noEmptyInterface: under construction
export interface AdamFunctions {}

export const adamKernels: Kernels = {};
