import { createInterface } from "node:readline";
import { chooseBackend } from "../backend/choose";
import { prepare } from "../profiles";
import { constantRate } from "../train/optimizer";
import { startState, type TrainEvent, train } from "../train/trainer";
import { everySecond, readClip, repeated, type StepTask } from "./stepTask";

/**
 * Our side of `bench step` as a process of its own, so that its peak memory is that of training alone. It speaks the protocol
 * of bench/peer/peer.py: start, step, end.
 */
const answer = (values: object): void => void process.stdout.write(`${JSON.stringify(values)}\n`);

let events: AsyncGenerator<TrainEvent, void, void> | undefined;

/** Begins a training with the weights and the clip that the peer reads too. */
async function start({ settings, backend, folder, training }: StepTask): Promise<void> {
  await chooseBackend(backend);
  const { model, options } = prepare(settings);
  const { context, learningRate, seed } = settings;
  const state = startState(model, seed);
  const recipe = { ...options, ...training, learningRate: constantRate(learningRate), sampling: everySecond(context) };
  events = train(model, repeated(readClip(folder)), state, { ...recipe, iterations: Infinity });
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
