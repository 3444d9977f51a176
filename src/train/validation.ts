import { requireWhole } from "../datasets/dataset";
import type { ModelParams } from "../model";
import { UserError } from "../types";
import { forecastParams, type TrainState, type Validated } from "./state";

/** When and how a run is validated. */
export interface Validation {
  /** Steps between two of them; there is one after the last step too. */
  readonly every: number;
  /** Lower is better. Is given the averaged weights where there are any, and leaves them as they are. */
  score(params: ModelParams): Promise<number>;
  /** The run ends early after so many validations in a row without a lower score than the best. Default: never. */
  readonly patience?: number;
}

/** What of a run's options decides about validations. */
export interface Ending {
  /** Optimiser steps in all, those before a resume included. */
  readonly iterations: number;
  readonly validate?: Validation;
}

/** Errors: numbers of steps or validations that are no whole numbers from 1. */
export function requireEnding({ validate }: Ending): void {
  if (!validate) return;
  const { every, patience } = validate;
  requireWhole("validate every", every, 1);
  if (patience !== undefined) requireWhole("patience", patience, 1);
}

/** Whether a validation belongs to this very iteration and has not taken place. */
export function isDue({ iteration, validated }: TrainState, { iterations, validate }: Ending): boolean {
  if (!validate || iteration === 0 || validated?.iteration === iteration) return false;
  return iteration % validate.every === 0 || iteration === iterations;
}

/** Whether a run has lost its patience. */
export const isExhausted = ({ validated }: TrainState, { validate }: Ending): boolean =>
  validated !== undefined && validated.since >= (validate?.patience ?? Infinity);

/** Whether nothing is left to do. */
export const isOver = (state: TrainState, ending: Ending): boolean =>
  (state.iteration >= ending.iterations && !isDue(state, ending)) || isExhausted(state, ending);

/** A state with the validation of its iteration. Error: a score that is not finite. */
export async function withScore(
  state: TrainState,
  { score }: Validation,
): Promise<{ state: TrainState & { validated: Validated }; score: number; best: boolean }> {
  const { iteration } = state;
  const found = await score(forecastParams(state));
  if (!Number.isFinite(found)) {
    throw new UserError(`validation score is ${found} after iteration ${iteration}, expected a finite number`);
  }
  const before = state.validated;
  const better = !before || found < before.best.score;
  const record = better
    ? { iteration, best: { iteration, score: found }, since: 0 }
    : { iteration, best: before.best, since: before.since + 1 };
  return { state: { ...state, validated: record }, score: found, best: better };
}
