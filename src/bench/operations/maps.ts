import * as tf from "@tensorflow/tfjs";
import { maxPool, upsample } from "../../ops/resample";
import { WARP, warp } from "../../ops/warp";
import type { Frames } from "../../types";
import { featureMaps, kernelGradient, type Operation, together, traffic } from "./operation";

type Shape = readonly number[];

interface MapsOperation {
  readonly name: string;
  readonly kind: string;
  readonly inputs: readonly Shape[];
  readonly outputs: readonly Shape[];
  readonly settings?: Readonly<Record<string, unknown>>;
  apply(...maps: Frames[]): tf.Tensor | tf.Tensor[];
  /** The single kernel that computes it, to time its gradient alone. */
  kernel?(...maps: Frames[]): { name: string; inputs: tf.NamedTensorMap; attrs?: object };
}

/** An operation of feature maps that reads and writes much and computes little. */
export function mapsOperation({ name, kind, inputs, outputs, settings, apply, kernel }: MapsOperation): Operation {
  const shapes = inputs.map((shape) => shape.join("x")).join(" and ");
  return {
    name: `${name}, ${shapes}`,
    kind,
    inputs,
    settings,
    bytes: traffic(inputs, outputs),
    prepare() {
      const maps = inputs.map((shape, which) => featureMaps(shape, `input ${which}`));
      const single = kernel?.(...maps);
      const gradient = single && kernelGradient(single.name, single.inputs, single.attrs);
      return {
        inputs: maps,
        passes: {
          forward: () => apply(...maps),
          ...(gradient && { inputGradient: gradient }),
          together: together((...values) => [apply(...(values as Frames[]))].flat(), maps),
        },
      };
    },
  };
}

export function pooling(shape: Shape, factor: number): Operation {
  const [batch, height, width, channels] = shape;
  return mapsOperation({
    name: `max-pool ${factor}`,
    kind: "maxPool",
    settings: { factor },
    inputs: [shape],
    outputs: [[batch, Math.floor(height / factor), Math.floor(width / factor), channels]],
    apply: (x) => maxPool(x, factor),
    kernel: (x) => ({ name: "MaxPool", inputs: { x }, attrs: { filterSize: factor, strides: factor, pad: "valid" } }),
  });
}

export function upsampling(shape: Shape, factor: number): Operation {
  const [batch, height, width, channels] = shape;
  return mapsOperation({
    name: `up-sampling ${factor}`,
    kind: "upsample",
    settings: { factor },
    inputs: [shape],
    outputs: [[batch, height * factor, width * factor, channels]],
    apply: (x) => upsample(x, factor),
  });
}

/** Reading at places shifted by each link's flow, as TrajGRU does. */
export function warping(shape: Shape, links: number): Operation {
  const [batch, height, width, channels] = shape;
  return mapsOperation({
    name: `warp of ${links} links`,
    kind: "warp",
    inputs: [shape, [batch, height, width, 2 * links]],
    outputs: [[batch, height, width, links * channels]],
    apply: (a, flow) => warp(a, flow, { sign: -1 }),
    kernel: (a, flow) => ({ name: WARP, inputs: { a, flow }, attrs: { sign: -1 } }),
  });
}

/** Joining and element-wise operations. */
export function elementwise(shape: Shape): Operation[] {
  const joined = [...shape.slice(0, -1), 2 * shape[shape.length - 1]];
  const unary = (name: "sigmoid" | "tanh", kernel: string, f: (x: Frames) => tf.Tensor) =>
    mapsOperation({
      name,
      kind: name,
      inputs: [shape],
      outputs: [shape],
      apply: f,
      kernel: (x) => ({ name: kernel, inputs: { x } }),
    });
  return [
    mapsOperation({
      name: "concat",
      kind: "concat",
      inputs: [shape, shape],
      outputs: [joined],
      apply: (a, b) => tf.concat([a, b], 3),
    }),
    mapsOperation({
      name: "add",
      kind: "add",
      inputs: [shape, shape],
      outputs: [shape],
      apply: (a, b) => tf.add(a, b),
    }),
    unary("sigmoid", "Sigmoid", (x) => tf.sigmoid(x)),
    unary("tanh", "Tanh", (x) => tf.tanh(x)),
  ];
}

/** What a convolution's bias gets: the sum over batch and pixels. */
export function biasGradient(shape: Shape): Operation {
  return {
    name: `bias gradient, ${shape.join("x")}`,
    kind: "biasGradient",
    inputs: [shape],
    bytes: { forward: traffic([shape], []).forward },
    prepare() {
      const slope = featureMaps(shape, "slope");
      return { inputs: [slope], passes: { forward: () => tf.sum(slope, [0, 1, 2]) } };
    },
  };
}
