import * as tf from "@tensorflow/tfjs";
import { express, expressionStage, STAGES } from "../cells/cmsLstm";
import { type MotionGruParams, motionGru } from "../cells/motionRnn";
import { decouplingLoss, loss } from "../loss";
import { localAttention } from "../ops/attention";
import { maxPool, upsample } from "../ops/resample";
import { warp } from "../ops/warp";
import { type Clip, type Frames, UserError } from "../types";
import { absolute, type Finding, relative } from "./compare";
import { channelsFirst, clip, frames, type KnownAnswers, need, timeFirst } from "./layout";

type Layout = { read: (array: Parameters<typeof frames>[0]) => tf.Tensor; write: (x: tf.Tensor) => ArrayLike<number> };
const feature: Layout = { read: frames, write: (x) => channelsFirst(x as Frames) };
const video: Layout = { read: clip, write: (x) => timeFirst(x as Clip) };
const scalar: Layout = { read: ({ data }) => tf.scalar(data[0]), write: (x) => x.dataSync() };
const plain: Layout = { read: ({ data, shape }) => tf.tensor(data, [...shape]), write: (x) => x.dataSync() };
const vector: Layout = { read: ({ data }) => tf.tensor1d(data), write: (x) => x.dataSync() };
/** [out, in, kh, kw] as [kh, kw, in, out]; of a transposed convolution [in, out, kh, kw] as [kh, kw, out, in]. */
const kernel: Layout = {
  read: ({ data, shape }) => tf.transpose(tf.tensor(data, [...shape]), [2, 3, 1, 0]),
  write: (x) => tf.transpose(x, [3, 2, 0, 1]).dataSync(),
};

/** Several features, each [batch, channels, height, width] flattened, one behind another. */
const flat: Layout = { read: ({ data }) => tf.tensor1d(data), write: (x) => x.dataSync() };
const flattened = (...maps: Frames[]) =>
  tf.concat(maps.map((map) => tf.reshape(tf.transpose(map, [0, 3, 1, 2]), [-1])));

/** The parts of a MotionGRU under their published names. */
const motionParts: Readonly<Record<keyof MotionGruParams, string>> = {
  encode: "_conv_enc",
  update: "_conv_u",
  reset: "_conv_r",
  candidate: "_conv_z",
  weigh: "_conv_hm",
  decode: "_conv_dec",
  enlarge: "_deconv_dec",
  fuse: "_conv_g",
};

/** Parts of an expression block, but for its stages and its gates. */
const expressionNames = { merge: "b.conv_bn", reduce: "b.w_z" } as const;
const stageNames = (prefix: string) =>
  ({ query: `${prefix}f_query`, key: `${prefix}f_key`, value: `${prefix}f_value` }) as const;

/** Convolutions by their published names, as arrays of a file. */
const layersOf = (names: readonly string[]): Record<string, Layout> =>
  Object.fromEntries(
    names.flatMap((name) => [
      [`${name}.weight`, kernel],
      [`${name}.bias`, vector],
    ]),
  );

/** Convolutions under the names of our parts. */
const partsOf = <Part extends string>(names: Readonly<Record<Part, string>>, weights: Record<string, tf.Tensor>) =>
  Object.fromEntries(
    Object.entries<string>(names).map(([part, name]) => [
      part,
      { kernel: weights[`${name}.weight`], bias: weights[`${name}.bias`] },
    ]),
  ) as Record<Part, { kernel: tf.Tensor4D; bias: tf.Tensor1D }>;

interface Op {
  readonly inputs: Readonly<Record<string, Layout>>;
  /** Arrays under `param/` and `grad/`. */
  readonly params?: Readonly<Record<string, Layout>>;
  /** False where the file's gradients are at a place where there is none. */
  readonly smooth?: boolean;
  readonly out: Layout;
  run(inputs: Record<string, tf.Tensor>, settings: KnownAnswers["settings"]): tf.Tensor;
}

const warping = (sign: 1 | -1, smooth = true): Op => ({
  inputs: { x: feature, flow: feature },
  out: feature,
  smooth,
  run: ({ x, flow }) => warp(x as Frames, flow as Frames, { sign }),
});

const ops: Record<string, Op> = {
  warp: warping(1),
  warp_trajgru_sign: warping(-1),
  warp_zero_flow: warping(1, false),
  conv_k2s2: {
    inputs: { x: feature },
    params: { weight: kernel, bias: vector },
    out: feature,
    run: ({ x, weight, bias }) => tf.add(tf.conv2d(x as Frames, weight as tf.Tensor4D, 2, "valid"), bias),
  },
  deconv_k4s2p1: {
    inputs: { x: feature },
    params: { weight: kernel, bias: vector },
    out: feature,
    run: ({ x, weight, bias }) => {
      const [batch, height, width] = x.shape;
      const shape: Frames["shape"] = [batch, 2 * height, 2 * width, bias.size];
      return tf.add(tf.conv2dTranspose(x as Frames, weight as tf.Tensor4D, shape, 2, "same"), bias);
    },
  },
  maxpool: { inputs: { x: feature }, out: feature, run: ({ x }, { window }) => maxPool(x as Frames, window) },
  upsample: { inputs: { x: feature }, out: feature, run: ({ x }, { factor }) => upsample(x as Frames, factor) },
  se_stage: {
    inputs: { x: feature },
    params: layersOf(Object.values(stageNames(""))),
    out: feature,
    run: ({ x, ...weights }, { scale }) => expressionStage(partsOf(stageNames(""), weights), x as Frames, scale),
  },
  se_block: {
    inputs: { h: feature, c: feature },
    params: layersOf([
      ...STAGES.flatMap((_, i) => Object.values(stageNames(`b.stages.${i}.`))),
      ...Object.values(expressionNames),
      "b.w_h2h",
      "b.w_z2h",
    ]),
    out: feature,
    run({ h, c, ...weights }) {
      const params = {
        ...partsOf(expressionNames, weights),
        stages: Object.fromEntries(STAGES.map((scale, i) => [scale, partsOf(stageNames(`b.stages.${i}.`), weights)])),
        gates: {
          kernel: tf.concat([weights["b.w_h2h.weight"], weights["b.w_z2h.weight"]], 2) as tf.Tensor4D,
          biasH: weights["b.w_h2h.bias"] as tf.Tensor1D,
          biasZ: weights["b.w_z2h.bias"] as tf.Tensor1D,
        },
      };
      const next = express(params, h as Frames, c as Frames);
      return tf.concat([next.h, next.c], 3);
    },
  },
  local_attention: {
    inputs: { x: feature },
    params: { "conv1.weight": kernel, "conv2.weight": kernel, "conv3.weight": kernel },
    out: feature,
    run({ x, ...weights }, { window }) {
      const [query, key, value] = [1, 2, 3].map((i) =>
        tf.conv2d(x as Frames, weights[`conv${i}.weight`] as tf.Tensor4D, 1, "same"),
      );
      return localAttention(query, key, value, window);
    },
  },
  motion_gru: {
    inputs: { H: feature, F: feature, D: feature },
    params: layersOf(Object.values(motionParts)),
    out: flat,
    run: ({ H, F, D, ...weights }) => {
      const next = motionGru(partsOf(motionParts, weights), H as Frames, { F: F as Frames, D: D as Frames });
      return flattened(next.X, next.F, next.D);
    },
  },
  loss_decouple: {
    inputs: { pred: video, truth: video, dec: plain },
    out: scalar,
    run: ({ pred, truth, dec }, { weight }) =>
      tf.add(loss(pred as Clip, truth as Clip), tf.mul(weight, decouplingLoss(tf.unstack(dec) as tf.Tensor3D[]))),
  },
  loss: {
    inputs: { pred: video, truth: video },
    out: scalar,
    run: ({ pred, truth }) => loss(pred as Clip, truth as Clip),
  },
};

/** One op: its output, and the gradient of Σ w⊙out for every input and weight (fixtures: ops/). */
export function verifyOp(known: KnownAnswers): Finding[] {
  const { op } = known.settings;
  const { inputs, params = {}, out, smooth = true, run } = ops[opName(op)] ?? unknown(op);
  const given = [
    ...Object.entries(inputs).map(([name, layout]) => ({ name, layout, in: "in", gradient: "grad_in" })),
    ...Object.entries(params).map(([name, layout]) => ({ name, layout, in: "param", gradient: "grad" })),
  ];
  const values = given.map(({ name, layout, in: where }) => layout.read(need(known, `${where}/${name}`)));
  const apply = (...tensors: tf.Tensor[]) =>
    run(Object.fromEntries(given.map(({ name }, i) => [name, tensors[i]])), known.settings);
  const expectedOut = need(known, "out").data;
  const findings = [
    out === scalar
      ? relative("out", out.write(apply(...values)), expectedOut, 1e-5)
      : absolute("out", out.write(apply(...values)), expectedOut, 1e-5),
  ];
  if (!smooth) return findings;
  const weights = out.read(need(known, "w"));
  const objective = (...tensors: tf.Tensor[]) => tf.sum(tf.mul(apply(...tensors), weights)) as tf.Scalar;
  const gradients = tf.grads(objective)(values);
  for (const [i, { name, layout, gradient }] of given.entries()) {
    const expected = known.tensors.get(`${gradient}/${name}`)?.data ?? new Float32Array(values[i].size);
    findings.push(relative(`${gradient}/${name}`, layout.write(gradients[i]), expected, 1e-3));
  }
  return findings;
}

const opName = (op: string) => op.replace(/^(maxpool|upsample|local_attention|se_stage).*/, "$1");

function unknown(op: string): never {
  throw new UserError(`no op ${op} is built`);
}
