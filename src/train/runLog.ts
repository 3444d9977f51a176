import { statSync } from "node:fs";
import { join } from "node:path";
import { openToAppend, readFile } from "../files";
import { UserError } from "../types";

/** One line of a run's log. Iterations are counted from 1; times are ISO 8601. */
export type LogEvent =
  | {
      readonly kind: "step";
      readonly iteration: number;
      readonly loss: number;
      readonly learningRate: number;
      /** Predicted frames per second, over the whole batch. */
      readonly framesPerSecond: number;
      readonly time: string;
    }
  /** `score` on the validation split, lower is better; `best`: better than all before. */
  | { readonly kind: "validation"; readonly iteration: number; readonly score: number; readonly best: boolean }
  /** `path` within the run folder; `removed`: iterations of older ones that went. */
  | {
      readonly kind: "checkpoint";
      readonly iteration: number;
      readonly path: string;
      readonly removed?: readonly number[];
    }
  /** First line of a run that goes on from the checkpoint of `iteration`: what was logged after that is to happen again. */
  | { readonly kind: "resume"; readonly iteration: number; readonly backend: string; readonly time: string }
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "stopped"; readonly iteration: number; readonly peakBytes?: number }
  /** `peakBytes`: largest resident memory of the process. `early`: it ended before its last iteration, for want of improvement. */
  | { readonly kind: "done"; readonly iteration: number; readonly early?: boolean; readonly peakBytes?: number };

export interface RunLog {
  readonly path: string;
  /** Error: it cannot be written, such as on a full disk. What was there before is as it was. */
  append(event: LogEvent): void;
  /** Returns when all lines are on the disk itself: before a checkpoint, so that power failure leaves none without its lines. */
  flush(): void;
  close(): void;
}

/**
 * Opens `folder`/log.jsonl, or begins it. Each event is one line of JSON, appended in one write, so that a killed process leaves
 * whole lines and at most a cut-off last one; the next line does not continue that. Nothing is ever changed or removed.
 * Error: the file cannot be written.
 */
export function openLog(folder: string): RunLog {
  const path = join(folder, "log.jsonl");
  const file = openToAppend(path, "any");
  const last = file.last();
  let cut = last !== undefined && last !== NEWLINE;
  return {
    path,
    append(event) {
      const line = Buffer.from(`${cut ? "\n" : ""}${JSON.stringify(event)}\n`);
      cut = true;
      file.append(line);
      cut = false;
    },
    flush: file.flush,
    close: file.close,
  };
}

const NEWLINE = 10;

/**
 * The events of a run as if it had never been interrupted: what was logged after the checkpoint that it went on from is left out,
 * and so are the lines that say it was interrupted.
 *
 * @param path of the run folder, or of its log
 * Errors: no log, or a damaged line, named by its number. Lines that a dying process cut off are none: the last ones, and those
 * before a `resume`.
 */
export function readLog(path: string): LogEvent[] {
  const file = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, "log.jsonl") : path;
  const events: LogEvent[] = [];
  let damaged: number | undefined;
  for (const [index, line] of readFile(file, "run's log").toString().split("\n").entries()) {
    if (line === "") continue;
    const event = parse(line);
    if (!event) damaged ??= index + 1;
    else if (event.kind === "resume") {
      rewind(events, event.iteration);
      damaged = undefined;
    } else if (damaged !== undefined) {
      throw new UserError(`${file} is damaged: expected an event of the run in line ${damaged}`);
    } else events.push(event);
  }
  return events;
}

function parse(line: string): LogEvent | undefined {
  try {
    const event = JSON.parse(line);
    const { kind, iteration = 0 } = event;
    return typeof kind === "string" && Number.isSafeInteger(iteration) ? event : undefined;
  } catch {
    return undefined;
  }
}

/** Takes back what came after `iteration`, and that the run had ended. */
function rewind(events: LogEvent[], iteration: number): void {
  const later = events.findIndex((event) => "iteration" in event && event.iteration > iteration);
  if (later >= 0) events.length = later;
  while (events.length > 0 && /^(stopped|done)$/.test(events[events.length - 1].kind)) events.pop();
}

/**
 * What a resumed run has in common with an unbroken one, to the last bit: losses, learning rates and validation scores, without
 * times and speeds, and without checkpoints and notes, of which a run that was stopped has more.
 */
export const reproducible = (events: readonly LogEvent[]): object[] =>
  events.flatMap((event): object[] => {
    if (event.kind !== "step" && event.kind !== "validation") return [];
    return [Object.fromEntries(Object.entries(event).filter(([name]) => !MEASURED.has(name)))];
  });

/** What differs each time, even where the numbers are the same. */
const MEASURED = new Set(["time", "framesPerSecond"]);
