import { randomUUID } from "node:crypto";
import { UserError } from "../types";
import { brief } from "./axis";
import { type NotebookHost, notebookHost, progressMetadata } from "./host";
import { escapeHtml } from "./mime";

export interface ProgressOptions {
  /** What goes on; default "training". */
  label?: string;
  /** Frames that one step works through (batch · time), for the speed; default none: no speed is shown. */
  framesPerStep?: number;
  /** Steps done before, as after a resume; they do not count for speed and time left. Default 0. */
  start?: number;
  /** Shortest time between two drawings, in milliseconds; default 200, or 5000 where lines cannot be overwritten. */
  every?: number;
  /** Where to draw outside a notebook; default stderr. */
  stream?: { write(text: string): unknown; readonly isTTY?: boolean };
  /** The notebook; default the one this code runs in, if any. */
  host?: NotebookHost;
  /** The clock, in milliseconds; default `performance.now`. */
  now?: () => number;
}

/** A live line; call `update` after each step and `done` at the end. */
export interface Progress {
  /** `step` of `total` is done. Drawn only when enough time has passed, so it may be called often. */
  update(step: number, values?: { loss?: number }): void;
  /** Draws the last state and ends the line. A word may say why it ended early. */
  done(word?: string): void;
  /** The line as it stands. */
  readonly text: string;
}

/** "45 s", "3 min 05 s", "2 h 10 min". */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
}

/**
 * A live progress line: percent, step of `total`, loss, frames per second, time left. In a notebook one output that is
 * updated in place (metadata `{"ms-rnn": {progress: true}}`, a bar as HTML, the line as text); elsewhere a line on
 * stderr, overwritten on a terminal. Error: a total below 1.
 */
export function progress(total: number, options: ProgressOptions = {}): Progress {
  const {
    label = "training",
    framesPerStep,
    start = 0,
    stream = process.stderr,
    now = () => performance.now(),
  } = options;
  const { host = notebookHost() } = options;
  if (!(total >= 1)) throw new UserError(`total: ${total} is not 1 or more`);
  const { every = host || stream.isTTY ? 200 : 5000 } = options;
  const id = randomUUID();
  const began = now();
  let [step, loss, drawnAt, shown, ended, longest] = [
    start,
    undefined as number | undefined,
    -Infinity,
    false,
    false,
    0,
  ];

  const line = (word?: string): string => {
    const elapsed = now() - began;
    const taken = step - start;
    const parts = [`${Math.floor((100 * Math.min(step, total)) / total)} %`, `step ${step}/${total}`];
    if (loss !== undefined) parts.push(`loss ${brief(loss)}`);
    if (framesPerStep && taken > 0 && elapsed > 0) {
      parts.push(`${brief((1000 * taken * framesPerStep) / elapsed)} frames/s`);
    }
    if (word || step >= total) parts.push(`${word ?? "done"} in ${duration(elapsed)}`);
    else if (taken > 0) parts.push(`${duration((elapsed / taken) * (total - step))} left`);
    return `${label}: ${parts.join(", ")}`;
  };

  const draw = (word?: string) => {
    drawnAt = now();
    const text = line(word);
    if (host) {
      const bundle = { "text/html": bar(text, Math.min(1, step / total)), "text/plain": text };
      host.display(bundle, { id, update: shown, metadata: { ...progressMetadata } });
    } else if (stream.isTTY) {
      longest = Math.max(longest, text.length);
      stream.write(`\r${text.padEnd(longest)}${ended ? "\n" : ""}`);
    } else {
      stream.write(`${text}\n`);
    }
    shown = true;
  };

  return {
    update(next, values = {}) {
      if (ended) return;
      step = next;
      if (values.loss !== undefined) loss = values.loss;
      if (now() - drawnAt >= every) draw();
    },
    done(word) {
      if (ended) return;
      ended = true;
      draw(word);
    },
    get text() {
      return line();
    },
  };
}

function bar(text: string, part: number): string {
  const done = `width:${(100 * part).toFixed(1)}%;height:100%;background:#0072b2;border-radius:4px`;
  const rail = "width:320px;max-width:100%;height:8px;background:#d8d8d8;border-radius:4px;margin:4px 0";
  return `<div style="font-variant-numeric:tabular-nums">${escapeHtml(text)}<div style="${rail}"><div style="${done}"></div></div></div>`;
}
