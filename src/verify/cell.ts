import * as tf from "@tensorflow/tfjs";
import { cellFor } from "../models";
import { leaves, mapTree, unflatten } from "../tree";
import type { Frames, Tree } from "../types";
import { cellFromReference, cellToReference } from "../weights/mapNames";
import { absolute, type Finding, relative } from "./compare";
import { channelsFirst, frames, type KnownAnswers, need, under } from "./layout";

/** One step of one cell: outputs, and gradients of Σ w⊙out for every weight, input and state (fixtures: cells/). */
export function verifyCell(known: KnownAnswers): Finding[] {
  const { cell: name, channels, kernel, inputs, outputs } = known.settings;
  const cell = cellFor(name, { filters: channels, kernelSize: kernel });
  const params = cellFromReference(name, under(known, "param/"));
  const states = (inputs as string[]).filter((input) => input !== "x");
  const x = frames(need(known, "in/x"));
  const state = Object.fromEntries(states.map((part) => [part, frames(need(known, `in/${part}`))]));

  const findings: Finding[] = [];
  const weightLeaves = leaves(params).map(([, leaf]) => leaf);
  const objective = (...values: tf.Tensor[]) => {
    const [input, ...rest] = values;
    const stateValues = Object.fromEntries(states.map((part, i) => [part, rest[i]]));
    const { state: next } = cell.step(
      unflatten<Tree>(params, rest.slice(states.length)),
      { x: input as Frames },
      stateValues as Tree,
    );
    const terms = (outputs as string[]).map((part) =>
      tf.sum(tf.mul(next[part] as Frames, frames(need(known, `w/${part}`)))),
    );
    return tf.addN(terms) as tf.Scalar;
  };
  const { state: next } = cell.step(params, { x }, state);
  for (const part of outputs as string[]) {
    findings.push(absolute(`out/${part}`, channelsFirst(next[part] as Frames), need(known, `out/${part}`).data, 1e-5));
  }
  const at = [x, ...states.map((part) => state[part]), ...weightLeaves];
  const { value, grads } = tf.valueAndGrads(objective)(at);
  findings.push(relative("loss", value.dataSync(), need(known, "loss").data, 1e-5));
  for (const [i, part] of ["x", ...states].entries()) {
    const expected = known.tensors.get(`grad_in/${part}`)?.data ?? new Float32Array(grads[i].size);
    findings.push(relative(`grad_in/${part}`, channelsFirst(grads[i] as Frames), expected, 1e-3));
  }
  const byName = new Map(leaves(params).map(([path], i) => [path, grads[1 + states.length + i]]));
  const gradients = cellToReference(
    name,
    mapTree(params, (_, path) => byName.get(path)!),
    channels,
  );
  for (const [weight, { data }] of under(known, "grad/")) {
    findings.push(relative(`grad/${weight}`, gradients.get(weight)?.data ?? [], data, 1e-3));
  }
  return findings;
}
