import type { Kernels } from "../kernel";

/** Functions of native/ops/shape.cpp. */
// biome-ignore lint/suspicious/noEmptyInterface: under construction
export interface ShapeFunctions {}

export const shapeKernels: Kernels = {};
