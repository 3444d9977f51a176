import { type Compiled, type CompileOptions, compile } from "../compile";
import type { Batch } from "../datasets/dataset";
import type { Model } from "../model";
import { disposeTree } from "../tree";
import { type Sequences, UserError } from "../types";
import { requireState, type TrainState, type Weights, weightsOf } from "./state";
import {
  type InputOptions,
  type StepInputs,
  type StepOptions,
  type StepOutputs,
  stepInputs,
  trainingStep,
} from "./step";
import { type Ending, isDue, isOver, requireEnding, withScore } from "./validation";

export interface TrainOptions extends StepOptions, InputOptions, Ending {
  /**
   * How the step is recorded and replayed where the backend can; `false`: operation by operation. Both give the numbers of one
   * step to within rounding.
   */
  readonly compile?: Omit<CompileOptions, "key" | "donate" | "onFallback"> | false;
  /** Stops the training, also in the middle of a step, which then has not happened. */
  readonly signal?: AbortSignal;
}

/** What the trainer says after each step and validation, and once at the end. */
export type TrainEvent =
  /** Something to know, such as why steps are not replayed. */
  | { readonly kind: "note"; readonly text: string; readonly state: TrainState }
  | {
      readonly kind: "step";
      /** Counted from 1. */
      readonly iteration: number;
      readonly loss: number;
      readonly learningRate: number;
      /** Of runs that clip gradients: their norm before. */
      readonly gradientNorm?: number;
      /** Predicted frames per second of this step, over the whole batch. */
      readonly framesPerSecond: number;
      /** Valid until the next event is asked for; after a `break` it belongs to the caller. */
      readonly state: TrainState;
    }
  | {
      readonly kind: "validation";
      readonly iteration: number;
      readonly score: number;
      /** Lower than all before. */
      readonly best: boolean;
      /** Knows of this validation. */
      readonly state: TrainState;
    }
  /** `signal` was given; `state` is that of the last complete step. */
  | { readonly kind: "stopped"; readonly state: TrainState }
  /** `early`: before all steps were done, for lack of better scores. */
  | { readonly kind: "done"; readonly early?: true; readonly state: TrainState };

/**
 * Trains, one optimiser step a batch. Nothing is drawn, printed or written here: a notebook, the command line or a sweep does
 * that with the events. Stopping is `break`, resuming is passing an earlier state, of any event, and batches from its
 * iteration on. The given state is used up.
 *
 * A validation comes after the event of its step. A state knows of the last one: where it is due and the state does not know
 * of it, because it was saved between the two, it is the first thing that a resumed run does.
 *
 * @param batches clips from iteration `state.iteration` on, for example of `clips(dataset, "train", { from })`
 * Errors: a state of other options; a loss, a gradient's norm, weights or a score that are not finite: the message names the
 * iteration and the clips of the batch, and leaves the last good state to the caller (`state` of the last event).
 */
export async function* train(
  model: Model,
  batches: AsyncIterable<Pick<Batch, "data" | "ids">>,
  state: TrainState,
  options: TrainOptions,
): AsyncGenerator<TrainEvent, void, void> {
  const { signal, iterations } = options;
  requireState(state, options);
  requireEnding(options);
  const notes: string[] = [];
  const step = compile(trainingStep(model, options), {
    ...options.compile,
    eager: options.compile === false,
    donate: true,
    onFallback: (reason) => notes.push(reason),
  });
  const cancel = () => step.cancel();
  signal?.addEventListener("abort", cancel);
  try {
    state = yield* validating(state, options);
    if (!isOver(state, options)) {
      for await (const { data, ids } of batches) {
        const started = performance.now();
        const result = signal?.aborted ? undefined : await advance(step, data, state, options);
        for (const text of notes.splice(0)) yield { kind: "note", text, state };
        if (!result) {
          yield { kind: "stopped", state };
          return;
        }
        const { next, told } = result;
        // A step whose outputs are not finite has left the state as it was.
        requireFinite(told, state.iteration + 1, ids);
        const learningRate = options.learningRate(state.iteration);
        state = next;
        const [batch, time] = data.shape;
        const framesPerSecond = (batch * (time - 1) * 1000) / (performance.now() - started);
        const { doubt: _, ...numbers } = told;
        yield { kind: "step", iteration: state.iteration, ...numbers, learningRate, framesPerSecond, state };
        state = yield* validating(state, options);
        if (isOver(state, options)) break;
        // An engine that computes synchronously would never let signals, sockets and timers have their turn.
        await new Promise(setImmediate);
      }
    }
    if (state.iteration < iterations && !isOver(state, options)) {
      throw new UserError(`the data ended after ${state.iteration} batches, expected ${iterations} iterations`);
    }
    if (!isOver(state, options)) yield { kind: "stopped", state };
    else yield { kind: "done", ...(state.iteration < iterations && { early: true as const }), state };
  } finally {
    signal?.removeEventListener("abort", cancel);
    step.dispose();
  }
}

/** Validates where that is due, unless the training is to stop; gives the state that knows of it. */
async function* validating(state: TrainState, options: TrainOptions): AsyncGenerator<TrainEvent, TrainState, void> {
  const { validate, signal } = options;
  if (!validate || !isDue(state, options) || signal?.aborted) return state;
  const found = await withScore(state, validate);
  yield { kind: "validation", iteration: state.iteration, ...found };
  return found.state;
}

/** What a step says. */
interface Told {
  readonly loss: number;
  readonly doubt: number;
  readonly gradientNorm?: number;
}

/** One optimiser step; nothing where it was stopped. */
async function advance(
  step: Compiled<Weights, StepInputs, StepOutputs>,
  data: Sequences,
  state: TrainState,
  options: TrainOptions,
): Promise<{ next: TrainState; told: Told } | undefined> {
  const inputs = stepInputs(data, state.iteration, options);
  try {
    const result = await step.run(weightsOf(state), inputs);
    if (!result) return undefined;
    const { told } = result.outputs;
    const [loss, doubt, norm] = await told.data();
    told.dispose();
    const next = { ...state, ...result.state, iteration: state.iteration + 1 };
    return { next, told: { loss, doubt, ...(norm !== undefined && { gradientNorm: norm }) } };
  } finally {
    disposeTree(inputs);
  }
}

function requireFinite({ loss, doubt, gradientNorm: norm = 0 }: Told, iteration: number, ids: readonly string[]): void {
  const wrong = !Number.isFinite(loss)
    ? `loss is ${loss} at`
    : !Number.isFinite(norm)
      ? `norm of the gradients is ${norm} at`
      : doubt !== 0 && "weights are no longer finite after";
  if (!wrong) return;
  throw new UserError(`${wrong} iteration ${iteration}, expected finite numbers; clips: ${ids.join(", ")}`);
}
