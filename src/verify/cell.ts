import * as tf from "@tensorflow/tfjs";
import { cellFor } from "../models";
import { leaves, unflatten } from "../tree";
import type { Frames, Tree } from "../types";
import { valueAndGradients } from "../valueAndGradients";
import { cellFromReference, cellToReference } from "../weights/mapNames";
import { absolute, type Finding, relative } from "./compare";
import { channelsFirst, frames, type KnownAnswers, need, under } from "./layout";

/** Of the networks that the cells are of; the last layer differs in some. */
const LAYERS = 6;

/** One step of one cell: outputs, and gradients of Σ w⊙out for every weight, input and state (fixtures: cells/). */
export function verifyCell(known: KnownAnswers): Finding[] {
  const { cell: name, channels, kernel, layer, links, window, inputs, outputs } = known.settings;
  const options = { filters: channels, kernelSize: kernel, links, window, complete: true };
  const cell = cellFor(name, options, layer ?? 0, LAYERS);
  const params = cellFromReference(cell, channels, under(known, "param/"));
  const given: string[] = inputs;
  const expected: string[] = outputs;
  const objective = (values: Record<string, Frames>, weights: Tree) => {
    const { x, m, x_prev: below, ...state } = values;
    // What came before is of the layer below, or of the same one, which then keeps it.
    const before = { ...state, ...(below && { x: below }) };
    const { h, state: next, m: memory, increments } = cell.step(weights, { x, m, below }, before);
    const out: Record<string, Frames> = { ...(next as Record<string, Frames>), h, ...(memory && { m: memory }) };
    if (cell.decouples && increments) [out.delta_c, out.delta_m] = increments();
    const terms = expected.map((part) => tf.sum(tf.mul(out[part], frames(need(known, `w/${part}`)))));
    return { out, loss: tf.addN(terms) as tf.Scalar };
  };
  const named = (tensors: readonly tf.Tensor[]) =>
    Object.fromEntries(given.map((part, i) => [part, tensors[i] as Frames]));

  const values = given.map((part) => frames(need(known, `in/${part}`)));
  const { out } = objective(named(values), params);
  const findings = expected.map((part) =>
    absolute(`out/${part}`, channelsFirst(out[part]), need(known, `out/${part}`).data, 1e-5),
  );
  const at = [...values, ...leaves(params).map(([, leaf]) => leaf)];
  const { value, gradients } = valueAndGradients(
    (...all) => objective(named(all), unflatten<Tree>(params, all.slice(given.length))).loss,
    at,
  );
  findings.push(relative("loss", value.dataSync(), need(known, "loss").data, 1e-5));
  for (const [i, part] of given.entries()) {
    const gradient = known.tensors.get(`grad_in/${part}`)?.data ?? new Float32Array(gradients[i].size);
    findings.push(relative(`grad_in/${part}`, channelsFirst(gradients[i] as Frames), gradient, 1e-3));
  }
  const ours = cellToReference(cell, unflatten<Tree>(params, gradients.slice(given.length)));
  for (const [weight, { data }] of under(known, "grad/")) {
    findings.push(relative(`grad/${weight}`, ours.get(weight)?.data ?? [], data, 1e-3));
  }
  return findings;
}
