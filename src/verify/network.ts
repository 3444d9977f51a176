import * as tf from "@tensorflow/tfjs";
import { decouplingLoss, type LossWeights, loss } from "../loss";
import type { Model, ModelParams } from "../model";
import { model as byName } from "../models";
import { teach } from "../rollout";
import { noSampling } from "../sampling";
import type { StackState } from "../stack";
import { lossAndGradients } from "../train/step";
import { leaves, unflatten } from "../tree";
import type { Clip, Frames } from "../types";
import { fromReference, toReference } from "../weights/mapNames";
import { absolute, type Finding, relative } from "./compare";
import { channelsFirst, clip, type KnownAnswers, need, timeFirst, under } from "./layout";

/** The network a known-answer file speaks of. */
export function networkOf({ settings }: KnownAnswers): Model {
  const { model, hidden, kernel = 3, links, window, height, width } = settings;
  const options = { filters: hidden, kernelSize: kernel, links, window, complete: true };
  return byName(model, { ...options, frame: { height, width, channels: 1 } });
}

/** A whole network over a sequence: predictions, states, loss, every gradient, with and without mask (fixtures: models/). */
export function verifyNetwork(known: KnownAnswers): Finding[] {
  const model = networkOf(known);
  const params = fromReference(model, under(known, "param/"));
  const input = clip(need(known, "input"));
  const [batch, time] = input.shape;
  const findings: Finding[] = [];

  const unmasked = noSampling({ context: known.settings.in_len })(0, batch, time, Math.random);
  const mask = tf.tensor2d(unmasked, [batch, time - 2]);
  const states: StackState[] = [];
  const cosines: tf.Tensor3D[] = [];
  const out = teach(model, params, input, mask, {
    state: (state) => void states.push(state),
    decoupling: (step) => void cosines.push(step),
  });
  findings.push(absolute("out", timeFirst(out), need(known, "out").data, 1e-4));
  if (known.tensors.has("decouple")) {
    const stacked = cosines.length > 0 ? tf.stack(cosines).dataSync() : [];
    findings.push(absolute("decouple", stacked, need(known, "decouple").data, 1e-4));
    const decoupled = decouplingLoss(cosines).dataSync();
    findings.push(relative("loss_decouple", decoupled, [known.settings.loss_decouple], 1e-5));
  }
  for (const [which, state] of [
    ["first", states[0]],
    ["last", states[states.length - 1]],
  ] as const) {
    for (const [name, { data }] of under(known, `state_${which}/`)) {
      const found = leaves(state).find(([path]) => path === name.replace("/", "."));
      const got = found ? channelsFirst(found[1] as Frames) : [];
      findings.push(absolute(`state_${which}/${name}`, got, data, 1e-4));
    }
  }
  findings.push(...gradients(known, model, params, input, mask, ""));
  const masked = known.tensors.get("mask");
  if (masked && known.tensors.has("masked_out")) {
    const sees = maskFromReference(masked.data, masked.shape, batch, time);
    const predicted = teach(model, params, input, sees);
    findings.push(absolute("masked_out", timeFirst(predicted), need(known, "masked_out").data, 1e-4));
    findings.push(...gradients(known, model, params, input, sees, "masked_"));
  }
  return findings;
}

/**
 * Masks of the reference have one row a step [rows, batch], for the last `rows` steps that choose; earlier steps see truth.
 * Ours are [batch, time - 2].
 */
export function maskFromReference(
  data: ArrayLike<number>,
  [rows, columns]: readonly number[],
  batch: number,
  time: number,
): tf.Tensor2D {
  const given = time - 2 - rows;
  const mask = new Float32Array(batch * (time - 2)).fill(1);
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < columns; b++) mask[b * (time - 2) + given + row] = data[row * columns + b];
  }
  return tf.tensor2d(mask, [batch, time - 2]);
}

function gradients(
  known: KnownAnswers,
  model: Model,
  params: ModelParams,
  input: Clip,
  mask: tf.Tensor2D,
  prefix: string,
): Finding[] {
  const { value, gradients } = lossAndGradients(model, params, input, mask);
  const named = toReference(model, unflatten(params, gradients));
  const findings = [relative(`${prefix}loss`, value.dataSync(), need(known, `${prefix}loss`).data, 1e-5)];
  if (prefix === "") findings.push(...lossTerms(known, model, params, input, mask));
  for (const [weight, { data }] of under(known, `${prefix}grad/`)) {
    findings.push(relative(`${prefix}grad/${weight}`, named.get(weight)?.data ?? [], data, 1e-3));
  }
  return findings;
}

/** The two terms of the loss, each by itself. */
function lossTerms({ settings }: KnownAnswers, model: Model, params: ModelParams, input: Clip, mask: tf.Tensor2D) {
  const observed = tf.slice(input, [0, 1], [-1, -1]) as Clip;
  const predicted = teach(model, params, input, mask);
  const term = (weights: LossWeights) => loss(predicted, observed, weights).dataSync();
  return [
    relative("loss_mse", term({ mse: 1, mae: 0 }), [settings.loss_mse], 1e-5),
    relative("loss_mae", term({ mse: 0, mae: 1 }), [settings.loss_mae], 1e-5),
  ];
}
