import type { ProfileEntry } from "../backend/onednn/program";

/** Where the time of a group of commands went. */
export interface Spent {
  /** Of one replay. */
  readonly seconds: number;
  /** Up to the last time step's prediction, and the loss where the engine tells it from what follows. */
  readonly forwardSeconds: number;
  /** All after that: gradients, values that are computed again for them, and Adam. */
  readonly backwardSeconds: number;
  /** Native ones. */
  readonly commands: number;
}

/** One replay of a recorded step, by kind of work and by place in the network; the longest first, layers in their order. */
export interface Profile {
  readonly byOperation: readonly ({ readonly operation: string } & Spent)[];
  /** Layer -1: embedding, head, and all that the engine assigns to no layer. */
  readonly byLayer: readonly ({ readonly layer: number } & Spent)[];
}

const nothing: Spent = { seconds: 0, forwardSeconds: 0, backwardSeconds: 0, commands: 0 };

/** Adds up a replay's commands, which are given in the order they ran. */
export function summarize(entries: readonly ProfileEntry[]): Profile {
  const forward = forwardCommands(entries);
  const operations = new Map<string, Spent>();
  const layers = new Map<number, Spent>();
  const add = <K>(sums: Map<K, Spent>, key: K, seconds: number, isForward: boolean) => {
    const sum = sums.get(key) ?? nothing;
    sums.set(key, {
      seconds: sum.seconds + seconds,
      forwardSeconds: sum.forwardSeconds + (isForward ? seconds : 0),
      backwardSeconds: sum.backwardSeconds + (isForward ? 0 : seconds),
      commands: sum.commands + 1,
    });
  };
  for (const [i, [operation, , layer, seconds]] of entries.entries()) {
    add(operations, operation, seconds, i < forward);
    add(layers, layer, seconds, i < forward);
  }
  return {
    byOperation: [...operations]
      .map(([operation, spent]) => ({ operation, ...spent }))
      .sort((a, b) => b.seconds - a.seconds),
    byLayer: [...layers].map(([layer, spent]) => ({ layer, ...spent })).sort((a, b) => a.layer - b.layer),
  };
}

/** How many commands come before the time steps, which rise from 0, fall for the first time. */
function forwardCommands(entries: readonly ProfileEntry[]): number {
  const falls = entries.findIndex(([, time], i) => i > 0 && time < entries[i - 1][1]);
  return falls < 0 ? entries.length : falls;
}
