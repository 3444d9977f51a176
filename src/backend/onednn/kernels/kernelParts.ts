import type * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "../backend";
import type { Buffer } from "../native";
import { floatsOf, LANES } from "../storage";
import { planOf, type Ready } from "./convolutionPlan";
import { type Info, type Kind, partsPay, turned } from "./convolutionRules";

type Shifts = [
  batch: number,
  blocks: number,
  height: number,
  width: number,
  outHeight: number,
  outWidth: number,
  top: number,
  left: number,
  parts: number,
];
type Weights = [side: number, inChannels: number, outChannels: number];

/** Functions of native/ops/kernelParts.cpp. */
export interface KernelPartsFunctions {
  spreadParts(...args: [...shifts: Shifts, x: Buffer, shifted: Buffer]): void;
  gatherParts(...args: [...shifts: Shifts, shifted: Buffer, x: Buffer]): void;
  packParts(...args: [...of: Weights, weights: Buffer, parts: Buffer]): void;
  unpackParts(...args: [...of: Weights, parts: Buffer, weights: Buffer]): void;
}

/**
 * A convolution with a large kernel as one of 3x3, which Winograd's algorithm does: the kernel, enlarged by zeros to a multiple of 3, is
 * cut into parts of 3x3, and each part sees the map shifted by a multiple of 3 pixels. The shifted maps are channels of one map, so
 * the parts are added up by the convolution itself.
 */
export interface InParts {
  readonly plan: Ready;
  /** Of the convolution of 3x3. */
  readonly info: Info;
  /** Floats of its weights, plain. */
  readonly weightFloats: number;
  /** x blocked -> its shifted copies, once in the tensor's life. */
  spread(x: tf.TensorInfo): Buffer;
  /** Sum of the shifted copies where they overlap -> dx, blocked. */
  gather(shifted: Buffer, dx: Buffer): void;
  /** Plain weights -> plain weights of the convolution of 3x3. */
  pack(weights: Buffer, parts: Buffer): void;
  unpack(parts: Buffer, weights: Buffer): void;
}

/** How to compute a convolution so; nothing where it does not pay. */
export function inParts(backend: OnednnBackend, kind: Kind, info: Info, bias = false): InParts | undefined {
  if (backend.precision !== "f32" || !partsPay(kind, info)) return undefined;
  const { batchSize, inHeight, inWidth, outHeight, outWidth, inChannels, outChannels, filterHeight, padInfo } = info;
  const parts = Math.ceil(filterHeight / 3);
  const inner = innerOf(info, parts);
  const [whole, of] = kind === "input" ? (["output", turned(inner)] as const) : [kind, inner];
  const plan = planOf(backend, whole, of, ["blocked", "blocked"], bias);
  if (!plan || plan.how === "direct") return undefined;
  const { top, left } = padInfo;
  const shifts: Shifts = [batchSize, inChannels / LANES, inHeight, inWidth, outHeight, outWidth, top, left, parts];
  const weights: Weights = [filterHeight, inChannels, outChannels];
  const { native } = backend;
  return {
    plan,
    info: inner,
    weightFloats: 9 * inner.inChannels * outChannels,
    spread: (x) => {
      const from = backend.buffer(x, "blocked");
      return backend.derive(x, `shifted ${shifts}`, () => {
        const to = native.allocate(floatsOf(inner.inShape, "blocked"));
        native.spreadParts(...shifts, from, to);
        return to;
      });
    },
    gather: (shifted, dx) => native.gatherParts(...shifts, shifted, dx),
    pack: (from, to) => native.packParts(...weights, from, to),
    unpack: (from, to) => native.unpackParts(...weights, from, to),
  };
}

function innerOf(info: Info, parts: number): Info {
  const [inHeight, inWidth, inChannels] = [info.outHeight + 2, info.outWidth + 2, parts ** 2 * info.inChannels];
  return {
    ...info,
    inHeight,
    inWidth,
    inChannels,
    inShape: [info.batchSize, inHeight, inWidth, inChannels],
    filterHeight: 3,
    filterWidth: 3,
    effectiveFilterHeight: 3,
    effectiveFilterWidth: 3,
    filterShape: [3, 3, inChannels, info.outChannels],
    padInfo: { type: "VALID", top: 0, left: 0, right: 0, bottom: 0 },
  };
}
