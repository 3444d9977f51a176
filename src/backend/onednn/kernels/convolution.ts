import type { Kernels } from "../kernel";

/** Functions of native/ops/convolution.cpp. */
// biome-ignore lint/suspicious/noEmptyInterface: under construction
export interface ConvolutionFunctions {}

export const convolutionKernels: Kernels = {};
