import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Experiment } from "../profiles";
import { UserError } from "../types";
import { beside } from "./busy";
import { watchOthers } from "./others";
import { numberIn, Server } from "./process";
import { startPytorch } from "./pytorch";
import { median } from "./timing";

/** Steps before the timed ones. */
export const WARM_UP = 2;

/** Relative difference of the losses of the warm-up steps that rounding explains: before and after one update by Adam. */
const ALLOWED = [1e-4, 1e-3];

/** What one process needs for a step. */
export interface Cost {
  /** Median. */
  readonly seconds: number;
  /** Most memory the process ever had resident. */
  readonly peakBytes: number;
}

/** Median seconds beside a process that keeps one core busy, and how many times as long that is as alone. */
export interface Busy {
  readonly seconds: number;
  readonly ratio: number;
}

export interface StepMeasurement {
  /** Cores that other processes used meanwhile; not told where one was started on purpose. */
  readonly otherCores?: number;
  readonly ours: Cost & { readonly busy?: Busy };
  readonly peer?: Cost & { readonly busy?: Busy; readonly layout: string; readonly lossDifference: number };
}

export interface StepOptions {
  readonly settings: Experiment;
  readonly backend: string;
  /** Timed steps. */
  readonly steps: number;
  /** Threads for PyTorch where it is to be compared with. */
  readonly peerThreads?: number;
  /** Also time each step beside a busy process. */
  readonly busy?: boolean;
  readonly tell?: (line: string) => void;
}

interface Step {
  readonly seconds: number;
  readonly loss: number;
}

/**
 * Times training steps: ours in a process of its own, and PyTorch's in another, one step of each in turn. Both begin with the
 * same weights and train on the same clip with the same mask.
 *
 * Errors: the losses of the warm-up steps differ, so that different things would be compared.
 */
export async function benchStep(options: StepOptions): Promise<StepMeasurement> {
  const { settings, backend, steps, peerThreads, busy = false, tell = () => undefined } = options;
  const folder = mkdtempSync(join(tmpdir(), "ms-rnn-bench-"));
  const ours = new Server("our process", process.execPath, [resolve(__dirname, "stepServer.js")]);
  const started = [ours];
  try {
    await ours.ready;
    await ours.ask({ do: "start", task: { settings, backend, folder } });
    const losses: number[] = [];
    for (let i = 0; i < WARM_UP; i++) losses.push((await step(ours)).loss);
    const peer = peerThreads ? await startPeer(settings, folder, peerThreads, losses, started) : undefined;
    if (peer)
      tell(`peer: ${peer.layout} is its faster memory format; losses agree to ${peer.difference.toExponential(1)}`);
    const sides = peer ? [ours, peer.server] : [ours];
    const otherCores = watchOthers(sides.map(({ pid }) => pid));
    const alone = sides.map((): number[] => []);
    const crowded = sides.map((): number[] => []);
    for (let i = 0; i < steps; i++) {
      for (const [which, side] of sides.entries()) {
        alone[which].push((await step(side)).seconds);
        if (busy) crowded[which].push((await beside(() => step(side))).seconds);
      }
      const times = alone.map((seconds) => `${seconds[i].toFixed(3)} s`).join(", peer ");
      tell(`step ${i + 1} of ${steps}: ${times}`);
    }
    const others = otherCores();
    const costs = [];
    for (const [which, side] of sides.entries()) {
      const seconds = median(alone[which]);
      const beside = busy ? median(crowded[which]) : 0;
      const peakBytes = numberIn(side, await side.ask({ do: "end" }), "peakBytes");
      costs.push({ seconds, peakBytes, ...(busy && { busy: { seconds: beside, ratio: beside / seconds } }) });
    }
    return {
      ours: costs[0],
      ...(!busy && { otherCores: others }),
      ...(peer && { peer: { ...costs[1], layout: peer.layout, lossDifference: peer.difference } }),
    };
  } finally {
    for (const server of started) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function step(server: Server): Promise<Step> {
  const answer = await server.ask({ do: "step" });
  return { seconds: numberIn(server, answer, "seconds"), loss: numberIn(server, answer, "loss") };
}

/** Warms PyTorch up in both memory formats, each in a process of its own, and keeps the faster one. */
async function startPeer(
  settings: Experiment,
  folder: string,
  threads: number,
  expected: readonly number[],
  started: Server[],
): Promise<{ server: Server; layout: string; difference: number }> {
  const tried = [];
  for (const layout of ["nchw", "channelsLast"]) {
    const { server } = await startPytorch(threads);
    started.push(server);
    await server.ask({ do: "start", task: taskFor(settings, folder), layout });
    const steps: Step[] = [];
    for (let i = 0; i < WARM_UP; i++) steps.push(await step(server));
    const differences = steps.map(({ loss }, i) => Math.abs(loss - expected[i]) / Math.abs(expected[i]));
    const wrong = differences.findIndex((difference, i) => !(difference <= ALLOWED[i]));
    if (wrong >= 0) {
      throw new UserError(
        `the peer's loss of step ${wrong + 1} is ${steps[wrong].loss}, ours ${expected[wrong]}: ` +
          `expected a relative difference below ${ALLOWED[wrong]} (${settings.model}, ${layout})`,
      );
    }
    tried.push({ server, layout, difference: Math.max(...differences), seconds: steps[WARM_UP - 1].seconds });
  }
  const [best, other] = tried.sort((a, b) => a.seconds - b.seconds);
  await other.server.stop();
  return best;
}

/** What bench/peer/network.py needs to know of an experiment. */
function taskFor({ model, filters, kernelSize, learningRate, loss }: Experiment, folder: string) {
  const { mse = 1, mae = 1 } = loss;
  const files = { weights: join(folder, "weights.safetensors"), clip: join(folder, "clip.safetensors") };
  return { model, filters, kernelSize, learningRate, mse, mae, ...files };
}
