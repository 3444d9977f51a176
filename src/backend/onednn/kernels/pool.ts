import type { Kernels } from "../kernel";

/** Functions of native/ops/pool.cpp. */
// biome-ignore lint/suspicious/noEmptyInterface: under construction
export interface PoolFunctions {}

export const poolKernels: Kernels = {};
