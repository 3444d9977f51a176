import { adam } from "./adam";
import { gates as recurrentGates } from "./gates";
import { biasGradient, elementwise, pooling, upsampling, warping } from "./maps";
import type { Operation } from "./operation";
import { convolution, matMul, transposedConvolution } from "./products";

/**
 * The operations of the paper's networks at its layers' shapes.
 *
 * @param side of frames at full size, pixels; the paper's is 64
 * @param filters channels of a layer; the paper has 64
 */
export function operations(side: number, filters: number): Operation[] {
  const batch = 1;
  const [gates, joined, low] = [4 * filters, 2 * filters, Math.max(1, filters / 4)];
  const maps = [batch, side, side, filters];
  const [half, quarter] = [side / 2, side / 4];
  return [
    // x and h joined, at the three scales; then x alone
    ...[side, half, quarter].map((at) => convolution({ side: at, inputs: joined, outputs: gates, kernel: 3 })),
    convolution({ side, inputs: joined, outputs: gates, kernel: 3, bias: true }),
    convolution({ side, inputs: filters, outputs: gates, kernel: 3 }),
    convolution({ side, inputs: joined, outputs: filters, kernel: 1 }),
    convolution({ side, inputs: filters, outputs: filters, kernel: 5 }),
    // MotionRNN's way to half size and back
    convolution({ side, inputs: filters, outputs: low, kernel: 2, stride: 2 }),
    transposedConvolution({ side: half, inputs: low, outputs: filters, kernel: 4 }),
    matMul(8 * filters, 8 * filters, 8 * filters),
    matMul(side * side, filters, filters),
    pooling(maps, 2),
    upsampling([batch, half, half, filters], 2),
    upsampling([batch, quarter, quarter, filters], 4),
    warping(maps, 10),
    ...elementwise(maps),
    biasGradient([batch, side, side, gates]),
    ...recurrentGates(batch, side, filters),
    adam([3, 3, gates, 8 * filters]),
  ];
}
