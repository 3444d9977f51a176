import * as tf from "@tensorflow/tfjs";
import { loss } from "../loss";
import { maxPool, upsample } from "../ops/resample";
import { type Clip, type Frames, UserError } from "../types";
import { absolute, type Finding, relative } from "./compare";
import { channelsFirst, clip, frames, type KnownAnswers, need, timeFirst } from "./layout";

type Layout = { read: (array: Parameters<typeof frames>[0]) => tf.Tensor; write: (x: tf.Tensor) => ArrayLike<number> };
const feature: Layout = { read: frames, write: (x) => channelsFirst(x as Frames) };
const video: Layout = { read: clip, write: (x) => timeFirst(x as Clip) };
const scalar: Layout = { read: ({ data }) => tf.scalar(data[0]), write: (x) => x.dataSync() };

interface Op {
  readonly inputs: Readonly<Record<string, Layout>>;
  readonly out: Layout;
  run(inputs: Record<string, tf.Tensor>, settings: KnownAnswers["settings"]): tf.Tensor;
}

const ops: Record<string, Op> = {
  maxpool: { inputs: { x: feature }, out: feature, run: ({ x }, { window }) => maxPool(x as Frames, window) },
  upsample: { inputs: { x: feature }, out: feature, run: ({ x }, { factor }) => upsample(x as Frames, factor) },
  loss: {
    inputs: { pred: video, truth: video },
    out: scalar,
    run: ({ pred, truth }) => loss(pred as Clip, truth as Clip),
  },
};

/** One op: its output, and the gradient of Σ w⊙out for every input (fixtures: ops/). */
export function verifyOp(known: KnownAnswers): Finding[] {
  const { op } = known.settings;
  const { inputs, out, run } = ops[opName(op)] ?? unknown(op);
  const names = Object.keys(inputs);
  const values = names.map((name) => inputs[name].read(need(known, `in/${name}`)));
  const apply = (...given: tf.Tensor[]) =>
    run(Object.fromEntries(names.map((name, i) => [name, given[i]])), known.settings);
  const expectedOut = need(known, "out").data;
  const findings = [
    out === scalar
      ? relative("out", out.write(apply(...values)), expectedOut, 1e-5)
      : absolute("out", out.write(apply(...values)), expectedOut, 1e-5),
  ];
  const weights = out.read(need(known, "w"));
  const objective = (...given: tf.Tensor[]) => tf.sum(tf.mul(apply(...given), weights)) as tf.Scalar;
  const gradients = tf.grads(objective)(values);
  for (const [i, name] of names.entries()) {
    const expected = known.tensors.get(`grad_in/${name}`)?.data ?? new Float32Array(values[i].size);
    findings.push(relative(`grad_in/${name}`, inputs[name].write(gradients[i]), expected, 1e-3));
  }
  return findings;
}

const opName = (op: string) => op.replace(/^(maxpool|upsample).*/, "$1");

function unknown(op: string): never {
  throw new UserError(`no op ${op} is built`);
}
