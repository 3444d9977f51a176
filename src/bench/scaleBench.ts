import { experiment } from "../profiles";
import { drawnFrame } from "../recipe";
import type { Experiment } from "../settings";
import { benchStep, type StepMeasurement } from "./stepBench";
import { hasLayers, modelOf } from "./stepTask";

/** One thing about a training that is varied. */
interface Dimension {
  /** What it counts. */
  readonly unit: string;
  readonly values: readonly number[];
  of(settings: Experiment): number;
  /** Settings with another value; of layers, which are no setting, the same ones. */
  set(value: number): Partial<Experiment>;
}

/** What can be varied, one at a time. */
export const dimensions: Readonly<Record<string, Dimension>> = {
  size: {
    unit: "pixels a side",
    values: [16, 32, 64],
    of: (settings) => drawnFrame(settings).height,
    set: (size) => ({ size }),
  },
  filters: { unit: "channels", values: [8, 16, 32, 64], of: ({ filters }) => filters, set: (filters) => ({ filters }) },
  steps: {
    unit: "time steps",
    values: [10, 19, 39],
    of: ({ context, horizon }) => context + horizon - 1,
    set: (steps) => ({ context: Math.ceil((steps + 1) / 2), horizon: Math.floor((steps + 1) / 2) }),
  },
  layers: {
    unit: "cells",
    values: [2, 4, 6, 8],
    of: (settings) => modelOf({ settings }).stack.cells.length,
    set: () => ({}),
  },
  batch: { unit: "clips", values: [1, 2, 4, 8], of: ({ batch }) => batch, set: (batch) => ({ batch }) },
};

/** What is varied where nobody says what: layers only where the network can have other numbers of them. */
export const dimensionsFor = (model: string): string[] =>
  Object.keys(dimensions).filter((name) => name !== "layers" || hasLayers(model));

/** One training to measure. */
export interface Point {
  /** Name of the dimension that is varied, and its value here and in the base. */
  readonly vary: string;
  readonly value: number;
  readonly base: number;
  readonly settings: Experiment;
  readonly layers?: number;
}

/** All trainings of one or more dimensions, each varied from the same base. Errors: settings that make no sense. */
export function pointsOf(base: Experiment, names: readonly string[], values?: readonly number[]): Point[] {
  return names.flatMap((vary) => {
    const dimension = dimensions[vary];
    const usual = dimension.of(base);
    return (values ?? dimension.values).map((value) => {
      // The profile is of no account: every setting is given.
      const settings = experiment("small", { ...base, ...(value === usual ? {} : dimension.set(value)) });
      const point = { vary, value, base: usual, settings };
      if (vary !== "layers" || value === usual) return point;
      modelOf({ settings, layers: value });
      return { ...point, layers: value };
    });
  });
}

export interface ScaleResult {
  readonly vary: string;
  readonly value: number;
  readonly base: number;
  /** Median of a step. */
  readonly seconds: number;
  /** Most memory the process had resident while training. */
  readonly peakBytes: number;
  /** How much of it was not there before the first step; nothing where the system does not tell. */
  readonly trainingBytes?: number;
  /** Cores that other processes used meanwhile. */
  readonly otherCores: number;
}

/** Measures every point in a process of its own; those with the same settings once. */
export async function scale(
  points: readonly Point[],
  { backend, repeats, tell }: { backend: string; repeats: number; tell?: (line: string) => void },
): Promise<ScaleResult[]> {
  const known = new Map<string, StepMeasurement>();
  const results: ScaleResult[] = [];
  for (const { vary, value, base, settings, layers } of points) {
    const key = JSON.stringify([settings, layers]);
    const measured = known.get(key) ?? (await benchStep({ settings, layers, backend, steps: repeats }));
    known.set(key, measured);
    const { ours, idleBytes, otherCores = 0 } = measured;
    const { seconds, peakBytes } = ours;
    results.push({
      ...{ vary, value, base, seconds, peakBytes },
      ...(idleBytes !== undefined && { trainingBytes: Math.max(0, peakBytes - idleBytes) }),
      otherCores,
    });
    tell?.(`${vary} ${value}: ${seconds.toFixed(3)} s, ${(peakBytes / 1e6).toFixed(0)} MB`);
  }
  return results;
}

/** How something grows with a dimension. */
export interface Growth {
  readonly vary: string;
  /** The power of the value by which seconds and bytes of training grow from the lowest value to the highest. */
  readonly seconds: number;
  readonly bytes: number;
}

/** Of each dimension with more than one value. */
export function growthOf(results: readonly ScaleResult[]): Growth[] {
  return [...new Set(results.map(({ vary }) => vary))].flatMap((vary) => {
    const sorted = results.filter((one) => one.vary === vary).sort((a, b) => a.value - b.value);
    const [low, high] = [sorted[0], sorted[sorted.length - 1]];
    if (low.value === high.value) return [];
    const power = (of: (one: ScaleResult) => number) => Math.log(of(high) / of(low)) / Math.log(high.value / low.value);
    return [{ vary, seconds: power(({ seconds }) => seconds), bytes: power(bytesOf) }];
  });
}

/** Memory of training where it is known apart, that of the process elsewhere. */
export const bytesOf = ({ trainingBytes, peakBytes }: ScaleResult): number => trainingBytes ?? peakBytes;
