import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { Buffer, Native } from "#src/backend/onednn/native";
import { localAttention } from "#src/ops/attention";
import { gruGates, highway, lstmGates, memoryAndOutput, memoryGates, outputGate } from "#src/ops/gates";
import { upsample } from "#src/ops/resample";
import { warp } from "#src/ops/warp";
import { values } from "../../gradient";

/** An argument of a call: a buffer of that many floats, an array of arguments, or itself. */
export type Argument = { floats: number } | { list: Argument[] } | { value: unknown };

/** Arguments of the calls of each function that operations of tfjs make, each list once. */
export type ValidCalls = Map<string, Argument[][]>;

const MOST = 60;

type Anything = Record<string, (...args: unknown[]) => unknown>;

/** Runs many operations on the engine, and writes down how its functions are called. */
export async function validCalls(native: Native): Promise<ValidCalls> {
  const sizes = new Map<Buffer, number>();
  const seen = new Map<string, Map<string, Argument[]>>();
  const argument = (value: unknown): Argument => {
    if (typeof value === "number" && sizes.has(value)) return { floats: sizes.get(value)! };
    if (Array.isArray(value)) return { list: value.map(argument) };
    return { value };
  };
  const functions = native as unknown as Anything;
  const originals = Object.entries(functions).filter(([, value]) => typeof value === "function");
  for (const [name, original] of originals) {
    functions[name] = (...args) => {
      const result = original(...args);
      if (name === "allocate" || name === "recordInput") sizes.set(result as number, args[0] as number);
      const calls = seen.get(name) ?? new Map<string, Argument[]>();
      seen.set(name, calls);
      const call = args.map(argument);
      const key = JSON.stringify(call, (_, value) => (ArrayBuffer.isView(value) ? value.byteLength : value));
      if (calls.size < MOST) calls.set(key, call);
      return result;
    };
  }
  try {
    await chooseBackend("onednn");
    for (const [height, width, channels] of [
      [1, 1, 1],
      [5, 4, 3],
      [8, 8, 17],
      [8, 6, 32],
    ]) {
      tf.tidy(() => exercise(height, width, channels));
    }
    others(native);
    await programs(native);
    native.finish();
  } finally {
    for (const [name, original] of originals) functions[name] = original;
  }
  return new Map([...seen].map(([name, calls]) => [name, [...calls.values()]]));
}

/** What no operation of tfjs calls. */
function others(native: Native): void {
  const [w, g, m, v, r, w2, m2, v2] = Array.from({ length: 8 }, (_, i) => native.allocate(i === 4 ? 2 : 1000));
  native.adam(w, g, m, v, r, w2, m2, v2, 1000, 0.9, 0.999, 1e-8);
  for (const buffer of [w, g, m, v, r, w2, m2, v2]) native.release(buffer);
}

/** A program for each function of programs, so that a call that ends one leaves the others; they are never dropped. */
async function programs(native: Native): Promise<void> {
  const made = () => {
    native.recordBegin();
    const [from, to] = [native.recordInput(64), native.allocate(32)];
    native.narrow(64, from, to);
    const program = native.recordEnd([to]);
    native.release(from);
    native.release(to);
    return program;
  };
  const planned = () => {
    const program = made();
    native.programPlan(program, false, 0);
    return program;
  };
  const [from, to] = [native.allocate(64), native.allocate(32)];
  native.write(from, new Float32Array(64));
  native.programDifference(made(), made());
  await native.programRun(planned(), [from], [to]);
  await native.programProfile(planned(), [from], [to]);
  native.programCancel(planned());
  for (const buffer of [from, to]) native.release(buffer);
  joins(native);
  parts(native);
}

/** Parts of large kernels, which small maps do not use. */
function parts(native: Native): void {
  const [map, shifted] = [native.allocate(2 * 4 * 5 * 16), native.allocate(2 * 4 * 7 * 8 * 16)];
  const [weights, cut] = [native.allocate(25 * 6), native.allocate(9 * 4 * 6)];
  native.spreadParts(2, 1, 4, 5, 5, 6, 2, 1, 2, map, shifted);
  native.gatherParts(2, 1, 4, 5, 5, 6, 2, 1, 2, shifted, map);
  native.packParts(5, 2, 3, weights, cut);
  native.unpackParts(5, 2, 3, cut, weights);
  for (const buffer of [map, shifted, weights, cut]) native.release(buffer);
}

/** Gradients of a convolution's weights that a recorded step may join. */
function joins(native: Native): void {
  const gradients = (batch: number) =>
    native.convolutionPlan(
      "weights",
      "direct",
      true,
      false,
      false,
      [batch, 4, 4, 16, 4, 4, 16, 3, 3, 1, 1, 1, 1],
      [1, 1, 1, 1],
    )!;
  const [one, two] = [gradients(1), gradients(2)];
  native.recordBegin();
  const [x, dy, dw] = [native.recordInput(256), native.recordInput(256), native.allocate(one.weightFloats)];
  const scratch = native.allocate(Math.max(1, one.scratchFloats));
  native.convolve(one.plan, x, dy, dw, scratch);
  native.recordJoin(one.plan, two.plan, 2);
  native.recordAbandon();
  for (const buffer of [x, dy, dw, scratch]) native.release(buffer);
}

/** Operations of every family, with their gradients, on maps of one size. */
function exercise(height: number, width: number, channels: number): void {
  const map = (factor = 1, name = "x") => values<tf.Rank.R4>([2, height, width, channels * factor], name);
  const gradient = (f: (...inputs: tf.Tensor[]) => tf.Tensor, ...inputs: tf.Tensor[]) => {
    const got = tf.grads((...given: tf.Tensor[]) => tf.sum(f(...given)) as tf.Scalar)(inputs);
    for (const result of got) result.dataSync();
  };
  const gradient4 = (f: (...inputs: tf.Tensor4D[]) => tf.Tensor, ...inputs: tf.Tensor[]) =>
    gradient(f as never, ...inputs);
  for (const size of [1, 3]) {
    const filter = values<tf.Rank.R4>([size, size, channels, channels], "filter");
    for (const [stride, pad] of [
      [1, "same"],
      [2, "same"],
      [1, "valid"],
    ] as [number, "same" | "valid"][]) {
      if (pad === "valid" && (size > height || size > width)) continue;
      // Convolved twice: the second reads what the first has left blocked.
      gradient4((x, w) => tf.conv2d(tf.conv2d(x, w, stride, pad), w, 1, "same"), map(), filter);
    }
    const bias = values([channels], "bias");
    tf.fused
      .conv2d({ x: map(), filter, strides: 1, pad: "same", bias: bias as tf.Tensor1D, activation: "relu" })
      .dataSync();
    gradient4((x, w) => tf.conv2dTranspose(x, w, [2, height, width, channels], 1, "same"), map(), filter);
  }
  const blocked = () => tf.conv2d(map(), values<tf.Rank.R4>([3, 3, channels, channels], "f"), 1, "same");
  for (const x of [map(), blocked()]) {
    for (const f of [tf.relu, tf.tanh, tf.sigmoid, tf.exp, tf.square, tf.abs, tf.neg, tf.sqrt])
      gradient((y) => f(y), x);
    for (const f of [tf.add, tf.sub, tf.mul, tf.div, tf.maximum, tf.minimum, tf.squaredDifference]) {
      gradient((a, b) => f(a, b), x, map(1, "b"));
      f(x, values([channels], "row")).dataSync();
      f(x, values([1], "one")).dataSync();
    }
    const positive = tf.greater(x, 0);
    gradient((a, b) => tf.where(positive, a, b), x, map(1, "other"));
    for (const f of [tf.sum, tf.mean, tf.max, tf.min, tf.prod])
      for (const axis of [0, 3, undefined]) f(x, axis).dataSync();
    gradient((a, b) => tf.concat([a, b, a], 3), x, map(1, "b"));
    gradient((a) => tf.slice(a, [1, 0, 0, 0], [1, -1, -1, Math.ceil(channels / 2)]), x);
    gradient(
      (a) =>
        tf.pad(a, [
          [0, 0],
          [1, 2],
          [0, 1],
          [0, 3],
        ]),
      x,
    );
    gradient((a) => tf.transpose(a, [0, 3, 1, 2]), x);
    gradient((a) => tf.gather(a, tf.tensor1d([1, 0, 1], "int32"), 0), x);
    gradient((a) => tf.tile(a, [1, 2, 1, 2]), x);
    gradient((a) => tf.reverse(a, 1), x);
    gradient((a) => tf.addN([a, a, tf.square(a)]), x);
    if (height > 1) {
      gradient4((a) => tf.maxPool(a, 2, 2, "same"), x);
      gradient4((a) => tf.avgPool(a, 2, 2, "same"), x);
      gradient4((a) => tf.maxPool(a, 3, 1, "valid"), x);
    }
    tf.image.resizeBilinear(x as tf.Tensor4D, [height * 2, width * 2], false, true).dataSync();
    tf.clone(x).dataSync();
  }
  gradient((a, b) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D), values([7, channels]), values([channels, 5]));
  gradient(
    (a, b) => tf.matMul(a as tf.Tensor3D, b as tf.Tensor3D, true),
    values([2, channels, 3]),
    values([2, channels, 4]),
  );
  const total = (outputs: tf.Tensor | tf.Tensor[]) => tf.addN([outputs].flat().map((y) => tf.sum(y)));
  gradient4((z, c) => total(lstmGates(z, c)), map(4), map());
  gradient4((z, m) => total(memoryGates(z, m)), map(3), map());
  gradient4((o, u) => total(outputGate(o, u)), map(), map());
  gradient4((z, r, h) => total(gruGates(z, r, h)), map(3), map(3), map());
  gradient4((z, m) => total(memoryAndOutput(z, m)), map(4), map());
  gradient4((ps, z) => total(highway(ps, z)), map(2), map());
  gradient4((x) => upsample(x, 2), map());
  gradient4((x) => upsample(x, 3), map());
  gradient4((q, k, v) => localAttention(q, k, v, 3), map(), map(), map());
  gradient4((x, flow) => warp(x, flow), map(), values([2, height, width, 2], "flow"));
  gradient4((x, flow) => warp(x, flow), map(), values([2, height, width, 6], "flow"));
}
