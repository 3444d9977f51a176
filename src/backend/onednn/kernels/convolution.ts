import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "../backend";
import type { Kernels } from "../kernel";
import type { Buffer } from "../native";
import { type Form, floatsOf } from "../storage";
import { type Plan, planOf, type Ready } from "./convolutionPlan";
import { type Info, joinedSteps, turned, winogradPays } from "./convolutionRules";
import { epilogue, finish } from "./epilogue";
import { type InParts, inParts } from "./kernelParts";

/** Lets a recorded step compute the gradient of the weights that was queued last with those of other time steps. */
function mayJoin(backend: OnednnBackend, plan: Ready, info: Info, forms: readonly Form[]): void {
  const steps = joinedSteps(info);
  const count = steps.batchSize / info.batchSize;
  if (count < 2 || plan.half || !winogradPays("weights", steps)) return;
  const joined = planOf(backend, "weights", steps, forms);
  if (joined?.layout === plan.layout && joined.form === plan.form) {
    backend.native.recordJoin(plan.plan, joined.plan, count);
  }
}

interface Attrs {
  readonly strides: number | [number, number];
  readonly pad: "same" | "valid" | number | tf.backend_util.ExplicitPadding;
  readonly dataFormat?: "NHWC" | "NCHW";
  readonly dilations?: number | [number, number];
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

type Shape4D = [number, number, number, number];

/** Geometry of a convolution that the engine can do; nothing where tfjs's own kernel must. */
function geometryOf(inShape: number[], filterShape: number[], attrs: Attrs): Info | undefined {
  if (attrs.dataFormat === "NCHW" || inShape.length !== 4) return undefined;
  const { strides, pad, dilations, dimRoundingMode } = attrs;
  const [x, filter] = [inShape as Shape4D, filterShape as Shape4D];
  const info = tf.backend_util.computeConv2DInfo(x, filter, strides, dilations ?? 1, pad, dimRoundingMode);
  const sizes = [
    info.batchSize,
    info.inHeight,
    info.inWidth,
    info.outHeight,
    info.outWidth,
    info.inChannels,
    info.outChannels,
  ];
  return sizes.every((size) => size > 0) && filterShape[2] === info.inChannels ? info : undefined;
}

/** True where dy has the size that the geometry gives; tfjs takes others and leaves out what is too much. */
const fits = (dy: tf.TensorInfo, info: Info): boolean => dy.shape.join() === info.outShape.join();

/** Maps in the form of a plan, narrowed to bfloat16 where it wants them so: once in the tensor's life. */
function operand(backend: OnednnBackend, maps: tf.TensorInfo, { form, half }: Ready): Buffer {
  const buffer = backend.buffer(maps, form);
  if (!half) return buffer;
  return backend.derive(maps, `half ${form} ${maps.shape}`, () => {
    const floats = floatsOf(maps.shape, form);
    const narrow = backend.native.allocate(Math.ceil(floats / 2));
    backend.native.narrow(floats, buffer, narrow);
    return narrow;
  });
}

/** How plain weights are put into another order before they are packed. */
interface Arrangement {
  readonly name: string;
  readonly floats: number;
  write(from: Buffer, to: Buffer): void;
}

/** Weights in the layout of a plan, as they are or arranged: packed once in the tensor's life. */
function packed(backend: OnednnBackend, weights: tf.TensorInfo, plan: Plan, arranged?: Arrangement): Buffer {
  return backend.derive(weights, `weights ${plan.layout} ${weights.shape} ${arranged?.name}`, () => {
    const buffer = backend.native.allocate(plan.weightFloats);
    const plain = backend.buffer(weights);
    const pack = (from: Buffer) =>
      backend.scratch(plan.reorderFloats, (scratch) => backend.native.reorderWeights(plan.plan, from, buffer, scratch));
    if (!arranged) pack(plain);
    else {
      backend.scratch(arranged.floats, (scratch) => {
        arranged.write(plain, scratch);
        pack(scratch);
      });
    }
    return buffer;
  });
}

const cutUp = ({ weightFloats, pack }: InParts): Arrangement => ({
  name: "in parts",
  floats: weightFloats,
  write: pack,
});

/** By 180 degrees, channels exchanged. */
function turnedRound({ native }: OnednnBackend, shape: number[]): Arrangement {
  const [height, width, from, to] = shape;
  const strides = [-width * from * to, -from * to, 1, to];
  const last = (height * width - 1) * from * to;
  return {
    name: "turned",
    floats: tf.util.sizeFromShape(shape),
    write: (plain, scratch) => native.stridedCopy(plain, scratch, [height, width, to, from], strides, last),
  };
}

function cutUpAndTurned(backend: OnednnBackend, { info, weightFloats, pack }: InParts): Arrangement {
  const turn = turnedRound(backend, info.filterShape);
  return {
    name: "in parts, turned",
    floats: weightFloats,
    write: (plain, turned) =>
      backend.scratch(weightFloats, (parts) => {
        pack(plain, parts);
        turn.write(parts, turned);
      }),
  };
}

/** x [batch, H, W, in] with weights [kh, kw, in, out] -> [batch, H', W', out], plus a bias [out] where one is given. */
function forward(backend: OnednnBackend, x: tf.TensorInfo, weights: tf.TensorInfo, info: Info, bias?: tf.TensorInfo) {
  const parts = inParts(backend, "output", info, bias !== undefined);
  const plan = parts?.plan ?? planOf(backend, "output", info, [backend.form(x)], bias !== undefined);
  if (!plan) return undefined;
  const [from, by] = parts
    ? [parts.spread(x), packed(backend, weights, parts.plan, cutUp(parts))]
    : [operand(backend, x, plan), packed(backend, weights, plan)];
  const offset = bias && backend.buffer(bias);
  const { info: y, buffer } = backend.output(info.outShape, plan.form);
  backend.scratch(plan.scratchFloats, (scratch) => {
    if (offset === undefined) backend.native.convolve(plan.plan, from, by, buffer, scratch);
    else backend.native.convolve(plan.plan, from, by, buffer, scratch, offset);
  });
  return y;
}

export const convolutionKernels: Kernels = {
  Conv2D: ({ inputs: { x, filter }, attrs, backend }) => {
    const info = backend.computable(x, filter) ? geometryOf(x.shape, filter.shape, attrs as Attrs) : undefined;
    return info && forward(backend, x, filter, info);
  },

  FusedConv2D: ({ inputs: { x, filter, bias, preluActivationWeights }, attrs, backend }) => {
    const activate = epilogue(attrs, preluActivationWeights);
    const info =
      activate && backend.computable(x, filter) ? geometryOf(x.shape, filter.shape, attrs as Attrs) : undefined;
    if (!activate || !info) return undefined;
    const vector = bias && bias.dtype === "float32" && tf.util.sizeFromShape(bias.shape) === info.outChannels;
    const y = forward(backend, x, filter, info, vector ? bias : undefined);
    return y && finish(backend, y, vector ? undefined : bias, activate);
  },

  Conv2DBackpropInput: ({ inputs: { dy, filter }, attrs, backend }) => {
    const info = backend.computable(dy, filter)
      ? geometryOf(attrs.inputShape, filter.shape, attrs as Attrs)
      : undefined;
    if (!info || !fits(dy, info)) return undefined;
    const parts = inParts(backend, "input", info);
    if (parts) {
      const [from, by] = [
        backend.buffer(dy, "blocked"),
        packed(backend, filter, parts.plan, cutUpAndTurned(backend, parts)),
      ];
      const { info: dx, buffer } = backend.output(info.inShape, "blocked");
      backend.scratch(floatsOf(parts.info.inShape, "blocked"), (shifted) => {
        const { plan, scratchFloats } = parts.plan;
        backend.scratch(scratchFloats, (scratch) => backend.native.convolve(plan, from, by, shifted, scratch));
        parts.gather(shifted, buffer);
      });
      return dx;
    }
    const asOutput = turned(info);
    const turns = winogradPays("output", asOutput);
    const plan = planOf(backend, turns ? "output" : "input", turns ? asOutput : info, [backend.form(dy)]);
    if (!plan) return undefined;
    const arranged = turns ? turnedRound(backend, filter.shape) : undefined;
    const [from, by] = [operand(backend, dy, plan), packed(backend, filter, plan, arranged)];
    const { info: dx, buffer } = backend.output(info.inShape, plan.form);
    backend.scratch(plan.scratchFloats, (scratch) => backend.native.convolve(plan.plan, from, by, buffer, scratch));
    return dx;
  },

  Conv2DBackpropFilter: ({ inputs: { x, dy }, attrs, backend }) => {
    const info = backend.computable(x, dy) ? geometryOf(x.shape, attrs.filterShape, attrs as Attrs) : undefined;
    if (!info || !fits(dy, info)) return undefined;
    const parts = inParts(backend, "weights", info);
    const [whole, forms] = parts
      ? [parts.info, ["blocked", "blocked"] as const]
      : [info, [backend.form(x), backend.form(dy)]];
    const plan = parts?.plan ?? planOf(backend, "weights", info, forms);
    if (!plan) return undefined;
    const [from, by] = [parts ? parts.spread(x) : operand(backend, x, plan), operand(backend, dy, plan)];
    // The same rule gives the same plan, should this one have been dropped by then.
    const { precision } = backend;
    const reorder = (packed: Buffer, plain: Buffer) => {
      const { plan: again } = planOf(backend, "weights", whole, forms, false, precision) as Ready;
      backend.scratch(plan.reorderFloats, (scratch) => backend.native.reorderWeights(again, packed, plain, scratch));
    };
    const unpack = (packed: Buffer, plain: Buffer) => {
      if (!parts) return reorder(packed, plain);
      backend.scratch(parts.weightFloats, (whole) => {
        reorder(packed, whole);
        parts.unpack(whole, plain);
      });
    };
    const layout = `${plan.layout} ${info.filterShape}`;
    const { info: dw, buffer } = backend.outputPacked(info.filterShape, { floats: plan.weightFloats, layout, unpack });
    backend.scratch(plan.scratchFloats, (scratch) => backend.native.convolve(plan.plan, from, by, buffer, scratch));
    if (backend.isRecording) mayJoin(backend, plan, whole, forms);
    return dw;
  },
};
