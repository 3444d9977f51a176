import type { Kernels } from "../kernel";

/** Functions of native/ops/matMul.cpp. */
// biome-ignore lint/suspicious/noEmptyInterface: under construction
export interface MatMulFunctions {}

export const matMulKernels: Kernels = {};
