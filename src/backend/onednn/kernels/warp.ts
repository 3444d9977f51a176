import type { Kernels } from "../kernel";

/** Functions of native/ops/warp.cpp. */
// biome-ignore lint/suspicious/noEmptyInterface: under construction
export interface WarpFunctions {}

export const warpKernels: Kernels = {};
