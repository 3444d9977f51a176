/** Something that is timed: seconds of one call, the mean over `calls` calls in a row. */
export type Timed = (calls: number) => number | Promise<number>;

export interface TimingOptions {
  /** Repeats of each. */
  repeats: number;
  /** Seconds a repeat lasts at least, by calling often enough. */
  atLeast: number;
  /** Seconds after which no more repeats of one are started; one is always made. */
  budget: number;
  /** Milliseconds between two repeats: idle threads of the one before look for work for a while. Default 10. */
  pause?: number;
}

/** Seconds of one call of each repeat. */
export type Samples = number[];

/**
 * Times several in turn: one repeat of the first, one of the second, ... and again, so that all meet the same machine. Warm-up
 * calls come first, and find out how many calls a repeat needs. What takes longer than the budget at its first call is
 * timed by that call alone.
 */
export async function alternate(
  timed: readonly Timed[],
  { repeats, atLeast, budget, pause = 10 }: TimingOptions,
): Promise<Samples[]> {
  const samples: Samples[] = timed.map(() => []);
  const calls: number[] = [];
  for (const [which, time] of timed.entries()) {
    const first = await time(1);
    if (first >= budget) samples[which].push(first);
    calls.push(first >= budget ? 0 : await callsFor(time, atLeast));
  }
  const spent = timed.map(() => 0);
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [which, time] of timed.entries()) {
      if (calls[which] === 0 || (spent[which] >= budget && samples[which].length > 0)) continue;
      await new Promise((go) => setTimeout(go, pause));
      const seconds = await time(calls[which]);
      samples[which].push(seconds);
      spent[which] += seconds * calls[which];
    }
  }
  return samples;
}

/** How many calls in a row take `atLeast` seconds; finding out also warms up. */
async function callsFor(time: Timed, atLeast: number): Promise<number> {
  for (let calls = 1; ; ) {
    const seconds = await time(calls);
    if (calls * seconds >= atLeast) return calls;
    calls = Math.max(calls + 1, Math.min(10 * calls, Math.ceil((1.2 * atLeast) / Math.max(seconds, 1e-9))));
  }
}
