import { resolve } from "node:path";
import type { Experiment } from "../settings";
import { numberIn, Server } from "./process";
import type { Cancelled, Held, SoakTask } from "./soakTask";

/** Step after which a process should hold no more than it does. */
const EARLY = 500;

export interface SoakOptions extends SoakTask {
  /** Training of which a replay is stopped in its middle, where steps are recorded. */
  readonly cancel: Experiment;
  /** What a replay of it should last at least; its batch is doubled until it does. */
  readonly replaySeconds: number;
  readonly tell?: (line: string) => void;
}

export interface SoakReport {
  /** Whether steps were recorded and replayed. */
  readonly recorded: boolean;
  readonly early: Held;
  readonly end: Held;
  /** Longest time in which the event loop had no turn, from the second step on. */
  readonly longestBlockSeconds: number;
  /** From the second step on. */
  readonly stepsPerSecond: number;
  /** Where steps are recorded. */
  readonly cancelled?: Cancelled;
}

/** Trains for long in a process of its own, and looks at it early and at the end. */
export async function soak({
  cancel,
  replaySeconds,
  tell = () => undefined,
  ...task
}: SoakOptions): Promise<SoakReport> {
  const { settings, backend, eager } = task;
  const { iterations } = settings;
  const server = new Server("the training", process.execPath, [
    ...process.execArgv,
    "--expose-gc",
    resolve(__dirname, "soakServer.js"),
  ]);
  try {
    await server.ready;
    await server.ask({ do: "start", task });
    let [made, spent, longestBlockSeconds, fellBack] = [0, 0, 0, false];
    const advance = async (to: number, every: number) => {
      while (made < to) {
        const count = made === 0 ? 1 : Math.min(every, to - made);
        const answer = await server.ask({ do: "steps", count });
        if (made > 0) spent += numberIn(server, answer, "seconds");
        made += count;
        longestBlockSeconds = numberIn(server, answer, "longestBlockSeconds");
        fellBack = answer.fellBack === true;
        if (made === 1) continue;
        const speed = ((made - 1) / spent).toPrecision(3);
        tell(
          `step ${made} of ${iterations}: ${speed} steps/s, loss ${numberIn(server, answer, "loss").toPrecision(4)}`,
        );
      }
    };
    const held = async () => (await server.ask({ do: "held" })) as unknown as Held;
    const every = Math.ceil(iterations / 20);
    await advance(Math.min(EARLY, Math.ceil(iterations / 2)), every);
    const early = await held();
    await advance(iterations, every);
    const end = await held();
    const recorded = backend === "onednn" && !eager && !fellBack;
    const report = { recorded, early, end, longestBlockSeconds, stepsPerSecond: (iterations - 1) / spent };
    if (!recorded) return report;
    const { size, filters, context, horizon } = cancel;
    tell(`stopping a replay: ${cancel.model}, ${filters} filters, ${context + horizon} frames of ${size} x ${size}`);
    const cancelled = await server.ask({ do: "cancel", settings: cancel, seconds: replaySeconds });
    return { ...report, cancelled: cancelled as unknown as Cancelled };
  } finally {
    await server.stop();
  }
}

/** What may be, in bytes and seconds. */
export const LIMITS = { growthBytes: 20e6, blockSeconds: 0.25, cancelSeconds: 0.2 } as const;

/** One thing that a long training must not do. */
export interface Check {
  readonly name: string;
  readonly kept: boolean;
}

/** Holds a training to its limits; the event loop and stopping only where steps are recorded. */
export function check({ recorded, early, end, longestBlockSeconds, cancelled }: SoakReport): Check[] {
  const checks: Check[] = [
    { name: "memory", kept: end.residentBytes - early.residentBytes <= LIMITS.growthBytes },
    { name: "tensors", kept: end.tensors === early.tensors },
  ];
  if (early.pool && end.pool) checks.push({ name: "pool", kept: end.pool.usedBytes === early.pool.usedBytes });
  if (recorded) checks.push({ name: "block", kept: longestBlockSeconds <= LIMITS.blockSeconds });
  if (cancelled) {
    checks.push({ name: "cancel", kept: cancelled.latencySeconds <= LIMITS.cancelSeconds });
    checks.push({ name: "weights", kept: cancelled.same });
  }
  return checks;
}
