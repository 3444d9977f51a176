import { relative } from "node:path";
import { clips } from "../datasets/dataset";
import type { Prepared } from "../prepare";
import { UserError } from "../types";
import { lockRun } from "./lock";
import { checkpointsOf, type Run, requireSameData, saveState, stateOf } from "./run";
import { type LogEvent, openLog, type RunLog } from "./runLog";
import { startState, type TrainState } from "./state";
import { type EventWriter, eventWriter } from "./tensorBoard";
import { type TrainEvent, train } from "./trainer";
import { isDue } from "./validation";

/** One event in the log and for TensorBoard. */
function tell(event: TrainEvent, log: RunLog, board: EventWriter): void {
  const { state: _, ...facts } = event;
  if (event.kind === "step") {
    const { iteration, loss, learningRate, framesPerSecond } = event;
    board.scalars(iteration, { loss, "learning rate": learningRate, "frames per second": framesPerSecond });
  }
  if (event.kind === "validation") board.scalars(event.iteration, { validation: event.score });
  const ended = event.kind === "stopped" || event.kind === "done";
  log.append({
    ...facts,
    ...(ended && { iteration: event.state.iteration, peakBytes: 1024 * process.resourceUsage().maxRSS }),
    ...(event.kind !== "note" && { time: new Date().toISOString() }),
  } as LogEvent);
}

/** What `train` says, and which checkpoints were written. */
export type RunEvent =
  | TrainEvent
  /** The run goes on from this state of an earlier process. */
  | { readonly kind: "resume"; readonly iteration: number; readonly state: TrainState }
  | { readonly kind: "checkpoint"; readonly iteration: number; readonly path: string; readonly state: TrainState };

export interface TrainRunOptions {
  readonly backend: string;
  /** Stops the training; a checkpoint of the last complete step is written. */
  readonly signal?: AbortSignal;
}

/**
 * Trains a run to its end, from its newest checkpoint if it has one: the log, TensorBoard's files and checkpoints are written on
 * the way. Every way out but the death of the process leaves a checkpoint of the last complete step: a signal, `break`, an error of
 * the data, a loss that is not finite. A killed run, continued, ends with the same numbers as an unbroken one.
 *
 * Errors: as for `train`; another process trains this run; other data than it began with; what cannot be written.
 */
export async function* trainRun(
  run: Run,
  prepared: Prepared,
  options: TrainRunOptions,
): AsyncGenerator<RunEvent, void, void> {
  const release = await lockRun(run.folder);
  try {
    const loaded = checkpointsOf(run).length > 0 ? stateOf(run) : undefined;
    if (loaded) await requireSameData(run, prepared.dataset);
    const log = openLog(run.folder);
    try {
      const board = eventWriter(run.folder, loaded?.state.iteration);
      try {
        yield* trainFrom(run, prepared, options, loaded, log, board);
      } finally {
        board.close();
      }
    } finally {
      log.close();
    }
  } finally {
    release();
  }
}

async function* trainFrom(
  run: Run,
  { model, dataset, options }: Prepared,
  { backend, signal }: TrainRunOptions,
  loaded: { readonly state: TrainState; readonly path: string } | undefined,
  log: RunLog,
  board: EventWriter,
): AsyncGenerator<RunEvent, void, void> {
  const { batch, seed, iterations, checkpointEvery = Math.ceil(iterations / 10) } = run.settings;
  let { state, path } = loaded ?? { state: startState(model, seed, options), path: "" };
  let saved = loaded?.state.iteration;
  const save = async () => {
    const { iteration } = state;
    // A checkpoint stands for all lines before it.
    log.flush();
    const { path: written, removed } = await saveState(run, model, state);
    const gone = removed.length > 0 && { removed };
    log.append({ kind: "checkpoint", iteration, path: relative(run.folder, written), ...gone });
    [saved, path] = [iteration, written];
    return { kind: "checkpoint", iteration, path, state } as const;
  };
  if (loaded) {
    log.append({ kind: "resume", iteration: state.iteration, backend, time: new Date().toISOString() });
    yield { kind: "resume", iteration: state.iteration, state };
  } else yield await save();

  // The look at the validation clips after a step belongs to its checkpoint.
  const due = (event: TrainEvent) =>
    event.kind === "step"
      ? event.iteration % checkpointEvery === 0 && !isDue(event.state, options)
      : event.kind === "validation"
        ? event.iteration % checkpointEvery === 0 || event.best
        : event.kind !== "note";
  /** What cannot be saved is not tried again. */
  let saving = false;
  try {
    const batches = clips(dataset, "train", { batch, seed, from: state.iteration });
    for await (const event of train(model, batches, state, { ...options, signal })) {
      state = event.state;
      tell(event, log, board);
      yield event;
      if (!due(event) || saved === state.iteration) continue;
      saving = true;
      const checkpoint = await save();
      saving = false;
      yield checkpoint;
    }
  } catch (error) {
    if (saving || !(error instanceof UserError)) throw error;
    saving = true;
    if (saved !== state.iteration) await save();
    throw new UserError(`${error.message}; the last good checkpoint: ${path}`);
  } finally {
    // Whoever left in the middle finds the last step done.
    if (!saving && saved !== state.iteration) await save();
  }
}
