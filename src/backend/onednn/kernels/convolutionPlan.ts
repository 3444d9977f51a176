import type { OnednnBackend } from "../backend";
import type { Buffer } from "../native";
import { type Form, LANES } from "../storage";
import { type How, type Info, joinedSteps, type Kind, plainPays, winogradPays } from "./convolutionRules";

export interface Plan {
  readonly plan: number;
  /** Convolutions of one layout share packed weights. */
  readonly layout: number;
  readonly weightFloats: number;
  readonly scratchFloats: number;
  readonly reorderFloats: number;
}

/** Functions of native/ops/convolution.cpp. */
export interface ConvolutionFunctions {
  /** Nothing where oneDNN has no such convolution on this processor. */
  convolutionPlan(
    kind: Kind,
    how: How,
    blocked: boolean,
    bias: boolean,
    half: boolean,
    geometry: readonly number[],
    padding: readonly number[],
  ): Plan | undefined;
  dropPlan(plan: number): void;
  reorderWeights(plan: number, from: Buffer, to: Buffer, scratch: Buffer): void;
  convolve(plan: number, first: Buffer, second: Buffer, result: Buffer, scratch: Buffer, bias?: Buffer): void;
  /** While recording: the weights' gradient queued last may be computed with those of other time steps, `count` at once. */
  recordJoin(plan: number, joined: number, count: number): void;
}

/** Plans that are kept ready; a network has some dozens. */
const KEPT = 1024;

export interface Ready extends Plan {
  readonly form: Form;
  readonly how: How;
  /** Operands in bfloat16. */
  readonly half: boolean;
}

const plans = new Map<string, Ready | undefined>();

/**
 * The plan of a convolution, chosen by a fixed rule: Winograd's where it pays; otherwise oneDNN's direct one, which is as fast on
 * either form (but for `plainPays`), so it keeps the form its operands come in. Where Winograd's pays for the weights alone, the
 * direct one too makes maps blocked: they will be wanted so.
 */
export function planOf(
  backend: OnednnBackend,
  kind: Kind,
  info: Info,
  operands: readonly Form[],
  bias = false,
  precision = backend.precision,
): Ready | undefined {
  const blocked =
    (operands.every((form) => form === "blocked") || winogradPays("weights", joinedSteps(info))) &&
    !plainPays(kind, info) &&
    info.inChannels % LANES === 0 &&
    info.outChannels % LANES === 0;
  const { top, left } = info.padInfo;
  const geometry = [
    ...[info.batchSize, info.inHeight, info.inWidth, info.inChannels, info.outHeight, info.outWidth, info.outChannels],
    ...[
      info.filterHeight,
      info.filterWidth,
      info.strideHeight,
      info.strideWidth,
      info.dilationHeight,
      info.dilationWidth,
    ],
  ];
  const half = precision === "bf16" && Math.min(info.inChannels, info.outChannels) >= LANES;
  const key = `${kind} ${blocked} ${bias} ${half} ${geometry} ${top} ${left}`;
  const known = plans.get(key);
  if (known || plans.has(key)) return known;
  // What the last window reads beyond the map; below 0 where it does not reach the edge.
  const bottom = (info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight - info.inHeight - top;
  const right = (info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth - info.inWidth - left;
  const padding = [top, left, bottom, right];
  const make = (how: How, half: boolean, form: Form): Ready | undefined => {
    const plan = backend.native.convolutionPlan(kind, how, form === "blocked", bias, half, geometry, padding);
    return plan && { ...plan, half, form, how };
  };
  const form = blocked ? "blocked" : "plain";
  const ready =
    (half ? make("direct", true, form) : undefined) ??
    (winogradPays(kind, info) ? make("winograd", false, "blocked") : undefined) ??
    make("direct", false, form);
  if (plans.size >= KEPT) {
    const [oldest, old] = plans.entries().next().value as [string, Ready | undefined];
    plans.delete(oldest);
    if (old) backend.native.dropPlan(old.plan);
  }
  plans.set(key, ready);
  return ready;
}
