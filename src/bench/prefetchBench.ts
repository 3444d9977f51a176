import { type Batch, clips, type Dataset } from "../datasets/dataset";
import { requireFinite } from "../datasets/requireFinite";
import { prepare } from "../prepare";
import type { Experiment } from "../settings";
import { median } from "../statistics";
import { disposeState, startState } from "../train/state";
import { train } from "../train/trainer";
import { repeated } from "./stepTask";

/** Steps before the timed ones: the first is recorded, the second warms up. */
const WARM_UP = 2;

export interface PrefetchOptions {
  readonly settings: Experiment;
  /** Timed steps of a training. */
  readonly steps: number;
  /** Trainings of each kind. */
  readonly repeats: number;
  /** How often each batch is made, to stand for data that are slower to read. */
  readonly times: number;
  readonly tell?: (line: string) => void;
}

/** Seconds for all timed steps, medians over the trainings. */
export interface PrefetchTimes {
  /** Making the batches, without training. */
  readonly loading: number;
  /** Training on one batch again and again. */
  readonly training: number;
  /** Each batch is made when it is asked for. */
  readonly inTurn: number;
  /** Each batch is made while the step before is computed, as `clips` does it. */
  readonly ahead: number;
  /** Part of the loading that costs no time: what `ahead` saves of it. */
  readonly hidden: number;
  /** Both trained on the same clips, so their last losses are equal. */
  readonly sameLoss: boolean;
}

type Data = Pick<Batch, "data" | "ids">;

/** Trains with and without making the next batch ahead, in turn. The backend has been chosen. */
export async function benchPrefetch({
  settings,
  steps,
  repeats,
  times,
  tell = () => undefined,
}: PrefetchOptions): Promise<PrefetchTimes> {
  const { dataset } = await prepare(settings);
  const { batch } = settings;
  const slow = slower(dataset, times);
  const one = await clips(dataset, "train", { batch, shuffle: false }).next();
  const kinds = {
    training: () => repeated<Data>(one.value as Batch),
    inTurn: () => inTurn(slow, batch),
    ahead: () => clips(slow, "train", { batch, shuffle: false }),
  };
  type Kind = keyof typeof kinds;
  const seconds: Record<Kind | "loading", number[]> = { loading: [], training: [], inTurn: [], ahead: [] };
  const losses: Partial<Record<Kind, number>> = {};
  for (let repeat = 0; repeat < repeats; repeat++) {
    seconds.loading.push(await load(inTurn(slow, batch), steps));
    for (const kind of Object.keys(kinds) as Kind[]) {
      const found = await trainOn(kinds[kind](), settings, steps);
      seconds[kind].push(found.seconds);
      losses[kind] = found.loss;
    }
    const line = Object.entries(seconds).map(([kind, list]) => `${kind} ${list[repeat].toFixed(2)} s`);
    tell(`${repeat + 1} of ${repeats}: ${line.join(", ")}`);
  }
  const [loading, training, alone, ahead] = Object.values(seconds).map(median);
  const hidden = (alone - ahead) / loading;
  return { loading, training, inTurn: alone, ahead, hidden, sameLoss: losses.inTurn === losses.ahead };
}

/** The same clips, made so many times over. */
const slower = (dataset: Dataset, times: number): Dataset => ({
  ...dataset,
  async sequences(split, indices) {
    for (let left = times; left > 1; left--) await dataset.sequences(split, indices);
    return dataset.sequences(split, indices);
  },
});

/** The batches of `clips` without shuffling, each made when it is asked for. */
async function* inTurn(dataset: Dataset, batch: number): AsyncGenerator<Data, void, void> {
  const size = dataset.size("train");
  for (let at = 0; ; at += batch) {
    const indices = Array.from({ length: batch }, (_, i) => (at + i) % size);
    const ids = indices.map((index) => dataset.id("train", index));
    yield { data: requireFinite(await dataset.sequences("train", indices), dataset.name, ids), ids };
  }
}

async function load(batches: AsyncGenerator<Data, void, void>, count: number): Promise<number> {
  await batches.next();
  const started = performance.now();
  for (let i = 0; i < count; i++) await batches.next();
  return (performance.now() - started) / 1000;
}

async function trainOn(batches: AsyncIterable<Data>, settings: Experiment, steps: number) {
  const { model, options } = await prepare(settings);
  let [started, loss] = [0, Number.NaN];
  for await (const event of train(model, batches, startState(model, settings.seed), {
    ...options,
    iterations: WARM_UP + steps,
  })) {
    if (event.kind === "done") disposeState(event.state);
    if (event.kind !== "step") continue;
    loss = event.loss;
    if (event.iteration === WARM_UP) started = performance.now();
  }
  return { seconds: (performance.now() - started) / 1000, loss };
}
