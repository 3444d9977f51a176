/** A learning rate for each iteration, counted from 0. Pure: `Array.from({ length }, (_, i) => schedule(i))` is its curve. */
export type Schedule = (iteration: number) => number;

export const constantRate =
  (rate: number): Schedule =>
  () =>
    rate;

/** From `rate` at iteration 0 along half a cosine to 0 after `iterations`. */
export const cosineRate =
  (rate: number, iterations: number): Schedule =>
  (iteration) =>
    halfCosine(rate, 0, Math.min(iteration, iterations) / iterations);

export interface OneCycleOptions {
  /** The highest rate. */
  max: number;
  /** Of the whole cycle; afterwards the rate stays where it ended. */
  iterations: number;
  /** Part of the iterations on which it rises. Default 0.3. */
  warmUpPart?: number;
  /** It starts at max / divide. Default 25. */
  divide?: number;
  /** It ends at its start / finalDivide. Default 1e4. */
  finalDivide?: number;
}

/** Up along half a cosine and down along another (Smith and Topin 2018), as PyTorch's OneCycleLR. */
export function oneCycle({
  max,
  iterations,
  warmUpPart = 0.3,
  divide = 25,
  finalDivide = 1e4,
}: OneCycleOptions): Schedule {
  const start = max / divide;
  const end = start / finalDivide;
  const [top, last] = [Math.max(0, warmUpPart * iterations - 1), iterations - 1];
  return (iteration) => {
    if (iteration >= last) return end;
    if (iteration < top) return halfCosine(start, max, iteration / top);
    return halfCosine(max, end, (iteration - top) / (last - top));
  };
}

/** A schedule whose first `iterations` rise in a line from 0: at iteration i its rate times i / iterations. */
export const warmedUp =
  (schedule: Schedule, iterations: number): Schedule =>
  (iteration) =>
    iteration < iterations ? (schedule(iteration) * iteration) / iterations : schedule(iteration);

const halfCosine = (from: number, to: number, part: number) => to + ((from - to) / 2) * (1 + Math.cos(Math.PI * part));
