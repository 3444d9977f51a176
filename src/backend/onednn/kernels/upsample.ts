import type { Kernels } from "../kernel";

/** Functions of native/ops/upsample.cpp. */
// biome-ignore lint/suspicious/noEmptyInterface: under construction
export interface UpsampleFunctions {}

export const upsampleKernels: Kernels = {};
