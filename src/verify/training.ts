import type { Model, ModelParams } from "../model";
import { reverseScheduledEtas, scheduledEta } from "../sampling";
import { adam } from "../train/optimizer";
import { constantRate } from "../train/schedule";
import { startState, type TrainState } from "../train/state";
import { lossAndGradients } from "../train/step";
import { train } from "../train/trainer";
import { disposeTree, unflatten } from "../tree";
import type { Sequences } from "../types";
import { fromReference, toReference } from "../weights/mapNames";
import { absolute, exact, type Finding, relative } from "./compare";
import { clip, type KnownAnswers, need, under } from "./layout";
import { maskFromReference, networkOf } from "./network";

/** Five Adam steps through the trainer itself: each loss, and every weight at the end (fixtures: train/). */
export async function verifyTraining(known: KnownAnswers): Promise<Finding[]> {
  const { settings } = known;
  const model = networkOf(known);
  const fresh = startState(model, 0);
  disposeTree(fresh.params);
  const first: TrainState = { ...fresh, params: fromReference(model, under(known, "param0/")) };
  const slopes = firstGradients(known, model, first.params);

  async function* batches() {
    for (let i = 0; i < settings.steps; i++) {
      const video = clip(need(known, `input/${i}`));
      yield {
        data: { data: video.dataSync() as Float32Array, shape: video.shape as Sequences["shape"] },
        ids: [`input/${i}`],
      };
    }
  }
  const losses: number[] = [];
  let last = first;
  const events = train(model, batches(), first, {
    iterations: settings.steps,
    learningRate: constantRate(settings.lr),
    optimizer: adam({ beta1: settings.beta1, beta2: settings.beta2, epsilon: settings.eps }),
    sampling: (iteration, batch, time) => {
      const { data, shape } = need(known, `mask/${iteration}`);
      return maskFromReference(data, shape, batch, time).dataSync() as Float32Array;
    },
  });
  for await (const event of events) {
    if (event.kind === "step") losses.push(event.loss);
    last = event.state;
  }
  const findings = [relative("losses", losses, settings.losses, 1e-5)];
  for (let i = 0; i < settings.steps; i++) {
    const uniforms = need(known, `uniform/${i}`).data;
    const mask = need(known, `mask/${i}`).data;
    const eta = scheduledEta(i, settings.steps);
    findings.push(
      exact(
        `mask/${i}`,
        mask.every((sees, k) => sees === (uniforms[k] < eta ? 1 : 0)),
      ),
    );
  }
  // A weight whose gradient is nearly zero moves by up to the learning rate in an arbitrary direction, so only the others
  // are held to the strict bound.
  const weights = toReference(model, last.params);
  for (const [name, { data }] of under(known, "param_end/")) {
    const got = weights.get(name)?.data ?? new Float32Array();
    const gradient = slopes.get(name)!.data;
    const moved = [...data.keys()].filter((i) => Math.abs(gradient[i]) > 1e-3);
    const of = (values: ArrayLike<number>) => moved.map((i) => values[i]);
    findings.push(absolute(`param_end/${name}`, got, data, settings.lr * settings.steps));
    findings.push(absolute(`param_end/${name} where the gradient is above 1e-3`, of(got), of(data), 2e-6));
  }
  return findings;
}

/** The gradients of the first step, under the published names. */
function firstGradients(known: KnownAnswers, model: Model, params: ModelParams) {
  const video = clip(need(known, "input/0"));
  const { data, shape } = need(known, "mask/0");
  const mask = maskFromReference(data, shape, video.shape[0], video.shape[1]);
  return toReference(model, unflatten(params, lossAndGradients(model, params, video, mask).gradients));
}

/** Tables of both sampling schedules (fixtures: train/schedules.json). */
export function verifySchedules({ scheduled, reverse }: Schedules): Finding[] {
  const findings = scheduled.map(({ epochs, iters_per_epoch: perEpoch, eta }) => {
    const ours = eta.map((_, iteration) => scheduledEta(iteration, epochs * perEpoch));
    return absolute(`scheduled, ${epochs} epochs`, ours, eta, 1e-12);
  });
  for (const [epochs, rows] of Object.entries(reverse.by_total_epochs)) {
    const ours = rows.map(([epoch]) => reverseScheduledEtas(epoch, Number(epochs)));
    findings.push(
      absolute(
        `reverse, given part, ${epochs} epochs`,
        ours.map(({ given }) => given),
        rows.map((row) => row[1]),
        1e-12,
      ),
      absolute(
        `reverse, future part, ${epochs} epochs`,
        ours.map(({ future }) => future),
        rows.map((row) => row[2]),
        1e-12,
      ),
    );
  }
  return findings;
}

export interface Schedules {
  readonly scheduled: readonly { epochs: number; iters_per_epoch: number; eta: readonly number[] }[];
  readonly reverse: { by_total_epochs: Record<string, readonly (readonly number[])[]> };
}

export const isSchedules = (value: unknown): value is Schedules =>
  typeof value === "object" &&
  value !== null &&
  "reverse" in value &&
  "scheduled" in value &&
  Array.isArray(value.scheduled);
