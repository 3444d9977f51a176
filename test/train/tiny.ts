import { convLstm } from "#src/cells/convLstm";
import { buildModel } from "#src/model";
import { random } from "#src/random";
import { scheduledSampling } from "#src/sampling";
import { constantRate } from "#src/train/schedule";
import { startState, type TrainState, weightsOf } from "#src/train/state";
import { type TrainEvent, type TrainOptions, train } from "#src/train/trainer";
import { leaves } from "#src/tree";
import type { Sequences } from "#src/types";
import { chain } from "#src/wiring";

/** A network and clips so small that a training takes a blink. */
export const network = buildModel({
  name: "ConvLSTM",
  cellAt: () => convLstm({ filters: 2 }),
  wiring: chain(2),
  frame: { height: 4, width: 4, channels: 1 },
});

/** Clips of noise, always the same for a key. [clips, 5, 4, 4, 1] */
export function noise(clips: number, ...key: (string | number)[]): Sequences {
  const draw = random("noise", ...key);
  return { data: Float32Array.from({ length: clips * 5 * 16 }, draw), shape: [clips, 5, 4, 4, 1] };
}

/** Batches from one iteration on. */
export async function* batches(from = 0) {
  for (let i = from; ; i++) yield { data: noise(2, i), ids: [`${2 * i}`, `${2 * i + 1}`] };
}

export const recipe: TrainOptions = {
  iterations: 6,
  learningRate: constantRate(1e-2),
  sampling: scheduledSampling({ context: 3, over: 6 }),
};

/** Trains until the end or until something is so, and gives all events and the last state. */
export async function trained(
  changes: Partial<TrainOptions> = {},
  state?: TrainState,
  until: (event: TrainEvent, count: number) => boolean = () => false,
) {
  const options = { ...recipe, ...changes };
  const first = state ?? startState(network, 1, options);
  const events: TrainEvent[] = [];
  let last = first;
  for await (const event of train(network, batches(first.iteration), first, options)) {
    events.push(event);
    last = event.state;
    if (until(event, events.length)) break;
  }
  return { events, state: last };
}

/** What an event says but for speeds and tensors. */
export function said(event: TrainEvent): object {
  const { state: _, ...rest } = event;
  return rest.kind === "step" ? { ...rest, framesPerSecond: 0 } : rest;
}

/** All that a state holds, as plain values. */
export const contents = (state: TrainState) => ({
  ...state,
  ...Object.fromEntries(leaves(weightsOf(state)).map(([name, leaf]) => [name, [leaf.shape, ...leaf.dataSync()]])),
  params: undefined,
  slots: undefined,
  average: undefined,
});
