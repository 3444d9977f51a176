import type { Kernels } from "../kernel";

/** Functions of native/ops/gates.cpp. */
// biome-ignore lint/suspicious/noEmptyInterface: under construction
export interface GatesFunctions {}

export const gatesKernels: Kernels = {};
