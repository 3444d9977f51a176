/** Where in a network the operations that follow belong: a step of the unrolled sequence, a layer of the stack. */
export interface PlaceListener {
  time(step: number): void;
  layer(index: number): void;
}

let listener: PlaceListener | undefined;

/** Runs `work` with somebody who is told the places, such as a recording of a training step. */
export function withPlaces<T>(listens: PlaceListener, work: () => T): T {
  const before = listener;
  listener = listens;
  try {
    return work();
  } finally {
    listener = before;
  }
}

/** Says that what follows belongs to a time step; -1 after the last one. Costs nothing where nobody listens. */
export const atTime = (step: number): void => listener?.time(step);

/** Says that what follows belongs to a layer; -1 outside of all. */
export const atLayer = (index: number): void => listener?.layer(index);
