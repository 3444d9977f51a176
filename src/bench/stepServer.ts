import { join } from "node:path";
import { createInterface } from "node:readline";
import { chooseBackend } from "../backend/choose";
import { type Batch, clips } from "../datasets/dataset";
import { prepare } from "../profiles";
import { random } from "../random";
import { constantRate } from "../train/optimizer";
import { startState, type TrainEvent, train } from "../train/trainer";
import { toReference } from "../weights/mapNames";
import { writeSafetensors } from "../weights/safetensors";
import { everySecond, repeated, type StepTask } from "./stepTask";

/**
 * Our side of `bench step` as a process of its own, so that its peak memory is that of training alone. It speaks the protocol
 * of bench/peer/peer.py: start, step, end.
 */
const answer = (values: object): void => void process.stdout.write(`${JSON.stringify(values)}\n`);

let events: AsyncGenerator<TrainEvent, void, void> | undefined;

/** Begins a training, and writes its weights and its clip for the peer. */
async function start({ settings, backend, folder }: StepTask): Promise<void> {
  await chooseBackend(backend);
  const { model, dataset, options } = prepare(settings);
  const { batch, context, learningRate, seed } = settings;
  const { value: first } = await clips(dataset, "train", { batch, seed: 1 }).next();
  const { data } = first as Batch;
  const state = startState(model, seed);
  const sampling = everySecond(context);
  const time = data.shape[1];
  const mask = sampling(0, batch, time, random(seed));
  writeSafetensors(join(folder, "weights.safetensors"), toReference(model, state.params));
  writeSafetensors(join(folder, "clip.safetensors"), [
    ["clip", data],
    ["mask", { shape: [batch, time - 2], data: mask }],
  ]);
  const recipe = { ...options, iterations: Infinity, learningRate: constantRate(learningRate), sampling };
  events = train(model, repeated(first as Batch), state, recipe);
}

async function step(): Promise<object> {
  const started = performance.now();
  const { value } = await events!.next();
  const seconds = (performance.now() - started) / 1000;
  return { seconds, loss: (value as TrainEvent & { kind: "step" }).loss };
}

async function serve(): Promise<void> {
  answer({ ready: true });
  for await (const line of createInterface(process.stdin)) {
    const request = JSON.parse(line) as { do: string; task: StepTask };
    try {
      if (request.do === "start") {
        await start(request.task);
        answer({});
      } else if (request.do === "step") answer(await step());
      else answer({ peakBytes: process.resourceUsage().maxRSS * 1024 });
    } catch (error) {
      answer({ error: (error as Error).message.split("\n")[0] });
    }
    if (request.do === "end") break;
  }
  process.exit(0);
}

void serve();
