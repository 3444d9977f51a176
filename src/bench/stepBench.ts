import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openData } from "../prepare";
import type { Experiment } from "../settings";
import { median } from "../statistics";
import { UserError } from "../types";
import { beside } from "./busy";
import { peakOf, resetPeak, residentOf } from "./memory";
import { watchOthers } from "./others";
import { numberIn, Server } from "./process";
import type { Profile } from "./profile";
import { startPytorch } from "./pytorch";
import { type StepTask, writeTask } from "./stepTask";

/** Steps before the timed ones. */
export const WARM_UP = 2;

/** Relative difference of the losses of the warm-up steps that rounding explains: before and after one update by Adam. */
const ALLOWED = { f32: [1e-4, 1e-3], bf16: [0.05, 0.1] } as const;
type Precision = keyof typeof ALLOWED;

/** A way to write the same network in PyTorch; which is the fastest depends on the network. */
interface Writing {
  readonly layout: "nchw" | "channelsLast";
  /** x and h through one convolution, as ours does it; otherwise through two, as in the published code. */
  readonly joined: boolean;
}
const nameOf = ({ layout, joined }: Writing) => `${layout}${joined ? ", joined" : ""}`;

/** What is made of the network in PyTorch, in the order in which it is started. */
export const peerVariants = ["f32", "joined", "bf16"] as const;
export type PeerName = (typeof peerVariants)[number];

/** What one process needs for a step. */
export interface Cost {
  /** Median. */
  readonly seconds: number;
  /** Most memory the process had resident while it made the timed steps. */
  readonly peakBytes: number;
}

/** Median seconds beside a process that keeps one core busy, and how many times as long that is as alone. */
export interface Busy {
  readonly seconds: number;
  readonly ratio: number;
}

/** How far one step in bfloat16 is from the same in float32: relative to the loss, and to the largest gradient of a weight. */
export interface Deviation {
  readonly loss: number;
  /** Of the weight where it is largest. */
  readonly gradient: number;
  readonly weight: string;
}

export interface StepMeasurement {
  /** Cores that other processes used meanwhile; not told where one was started on purpose. */
  readonly otherCores?: number;
  readonly ours: Cost & { readonly busy?: Busy };
  /** Memory that our process had resident before its first step; nothing where the system does not tell. */
  readonly idleBytes?: number;
  /** Of one replay after the timed steps, where it was asked for. */
  readonly profile?: Profile;
  /** Of steps in bfloat16. */
  readonly deviation?: Deviation;
  /**
   * PyTorch in its faster memory format: in float32 as the published code is written, in float32 with x and h joined into one
   * convolution, and what autocast to bfloat16 makes of the faster of the two.
   */
  readonly peers?: Peers;
}

/** Always `f32`, which the others are beside. */
export type Peers = { readonly f32: PeerCost } & { readonly [name in PeerName]?: PeerCost };

/** `writing`: PyTorch's memory format, and `joined`. */
export interface PeerCost extends Cost {
  readonly busy?: Busy;
  readonly writing: string;
  readonly lossDifference: number;
}

export interface StepOptions {
  readonly settings: Experiment;
  readonly backend: string;
  /** Timed steps. */
  readonly steps: number;
  /** Threads for PyTorch where it is to be compared with. */
  readonly peerThreads?: number;
  /** What of PyTorch beside `f32`. Default: everything. */
  readonly variants?: readonly PeerName[];
  /** Also time each step beside a busy process. */
  readonly busy?: boolean;
  /** Options of our trainer. */
  readonly training?: StepTask["training"];
  /** Of a network at a single scale. Default: as many as the model has. */
  readonly layers?: number;
  /** Also replay a step once with every command timed. */
  readonly profile?: boolean;
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
 * Errors: the losses of the warm-up steps differ, so that different things would be compared; a profile of a step that is not
 * recorded.
 */
export async function benchStep(options: StepOptions): Promise<StepMeasurement> {
  const {
    settings,
    backend,
    steps,
    peerThreads,
    variants = peerVariants,
    busy = false,
    training,
    layers,
    profile = false,
    tell = () => undefined,
  } = options;
  const folder = mkdtempSync(join(tmpdir(), "ms-rnn-bench-"));
  const ours = new Server("our process", process.execPath, [...process.execArgv, resolve(__dirname, "stepServer.js")]);
  const started = [ours];
  try {
    await ours.ready;
    const task: StepTask = { settings, backend, folder, training, layers };
    await writeTask(task, await openData(task.settings), folder);
    await ours.ask({ do: "start", task });
    const idleBytes = residentOf(ours.pid);
    const losses: number[] = [];
    for (let i = 0; i < WARM_UP; i++) losses.push((await step(ours)).loss);
    const peers = peerThreads
      ? await startPeers({ settings, folder, threads: peerThreads, variants }, losses, started)
      : [];
    for (const { name, writing, difference } of peers) {
      tell(`PyTorch ${name}: ${nameOf(writing)}; losses agree to ${difference.toExponential(1)}`);
    }
    const sides = [ours, ...peers.map(({ server }) => server)];
    for (const { pid } of sides) resetPeak(pid);
    const otherCores = watchOthers(sides.map(({ pid }) => pid));
    const alone = sides.map((): number[] => []);
    const crowded = sides.map((): number[] => []);
    for (let i = 0; i < steps; i++) {
      for (const [which, side] of sides.entries()) {
        await rest();
        // As in a training, where a step comes right after another.
        await step(side);
        alone[which].push((await step(side)).seconds);
        if (busy) crowded[which].push((await beside(() => step(side))).seconds);
      }
      const times = alone.map((seconds) => `${seconds[i].toFixed(3)} s`).join(", PyTorch ");
      tell(`step ${i + 1} of ${steps}: ${times}`);
    }
    const others = otherCores();
    const costs: Omit<PeerCost, "writing" | "lossDifference">[] = [];
    for (const [which, side] of sides.entries()) {
      const seconds = median(alone[which]);
      const beside = busy ? median(crowded[which]) : 0;
      const recent = peakOf(side.pid);
      const peakBytes = recent ?? numberIn(side, await side.ask({ do: "end" }), "peakBytes");
      costs.push({ seconds, peakBytes, ...(busy && { busy: { seconds: beside, ratio: beside / seconds } }) });
    }
    const profiled = profile ? ((await ours.ask({ do: "profile" })) as unknown as Profile) : undefined;
    const rounds = training?.compile && training.compile.precision === "bf16";
    const deviation = rounds ? ((await ours.ask({ do: "deviation" })) as unknown as Deviation) : undefined;
    return {
      ours: costs[0],
      idleBytes,
      ...(profiled && { profile: profiled }),
      ...(deviation && { deviation }),
      ...(!busy && { otherCores: others }),
      ...(peers.length > 0 && {
        peers: Object.fromEntries(
          peers.map(({ name, writing, difference }, i) => [
            name,
            { ...costs[1 + i], writing: nameOf(writing), lossDifference: difference },
          ]),
        ) as unknown as Peers,
      }),
    };
  } finally {
    for (const server of started) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Idle threads of the side before look for work for a while, PyTorch's above all. */
const rest = () => new Promise((go) => setTimeout(go, 100));

async function step(server: Server): Promise<Step> {
  const answer = await server.ask({ do: "step" });
  return { seconds: numberIn(server, answer, "seconds"), loss: numberIn(server, answer, "loss") };
}

interface Peer {
  readonly server: Server;
  readonly name: PeerName;
  readonly writing: Writing;
  readonly difference: number;
  /** Of the last warm-up step. */
  readonly seconds: number;
}

/** Warms PyTorch up in every writing asked for, each in a process of its own, and keeps the faster memory format of each. */
async function startPeers(
  asked: { settings: Experiment; folder: string; threads: number; variants: readonly PeerName[] },
  expected: readonly number[],
  started: Server[],
): Promise<Peer[]> {
  const { settings, folder, threads, variants } = asked;
  const start = async (name: PeerName, writing: Writing): Promise<Peer> => {
    const precision: Precision = name === "bf16" ? "bf16" : "f32";
    const { server } = await startPytorch(threads);
    started.push(server);
    await server.ask({ do: "start", task: taskFor(settings, folder), ...writing, precision });
    const steps: Step[] = [];
    for (let i = 0; i < WARM_UP; i++) steps.push(await step(server));
    const differences = steps.map(({ loss }, i) => Math.abs(loss - expected[i]) / Math.abs(expected[i]));
    const allowed = ALLOWED[precision];
    const wrong = differences.findIndex((difference, i) => !(difference <= allowed[i]));
    if (wrong >= 0) {
      throw new UserError(
        `the peer's loss of step ${wrong + 1} is ${steps[wrong].loss}, ours ${expected[wrong]}: ` +
          `expected a relative difference below ${allowed[wrong]} (${settings.model}, ${nameOf(writing)}, ${name})`,
      );
    }
    return { server, name, writing, difference: Math.max(...differences), seconds: steps[WARM_UP - 1].seconds };
  };
  const faster = async (name: PeerName, joined: boolean): Promise<Peer> => {
    const [best, other] = [
      await start(name, { layout: "nchw", joined }),
      await start(name, { layout: "channelsLast", joined }),
    ].sort((a, b) => a.seconds - b.seconds);
    await other.server.stop();
    return best;
  };
  const peers = [await faster("f32", false)];
  if (variants.includes("joined")) peers.push(await faster("joined", true));
  const [best] = [...peers].sort((a, b) => a.seconds - b.seconds);
  if (variants.includes("bf16")) peers.push(await start("bf16", best.writing));
  return peers;
}

/** What bench/peer/network.py needs to know of an experiment. */
function taskFor({ model, filters, kernelSize, learningRate, loss }: Experiment, folder: string) {
  const { mse = 1, mae = 1 } = loss;
  const files = { weights: join(folder, "weights.safetensors"), clip: join(folder, "clip.safetensors") };
  return { model, filters, kernelSize, learningRate, mse, mae, ...files };
}
