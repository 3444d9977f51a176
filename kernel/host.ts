/**
 * What the notebook kernel offers to code that runs in it. Imported by the library's display part, so it must stay
 * free of other imports: outside a notebook `notebookHost()` is simply undefined.
 */

/** The kernel process stores its host at `globalThis[HOST_KEY]`. */
export const HOST_KEY: unique symbol = Symbol.for("ms-rnn.kernel");

/** Metadata of an output that only reports progress: runners print its `text/plain` instead of keeping a picture. */
export const PROGRESS_METADATA = { "ms-rnn": { progress: true } } as const;

export interface DisplayOptions {
  /** Metadata of the output, by MIME type or by tool. Default: empty. */
  metadata?: Record<string, unknown>;
  /** Name under which the output can be replaced later. Default: none. */
  id?: string;
  /** Replace the output named `id` instead of adding one. Default: false. */
  update?: boolean;
}

export interface NotebookHost {
  /** Sends one output, a map from MIME type to data, to the cell whose code is running. */
  display(data: Record<string, unknown>, options?: DisplayOptions): void;
  /** True once the user has interrupted the cell that asks; long asynchronous loops stop at the next turn. */
  readonly interrupted: boolean;
}

/** The host of the notebook this code runs in, or undefined outside a notebook. */
export function notebookHost(): NotebookHost | undefined {
  return (globalThis as { [HOST_KEY]?: NotebookHost })[HOST_KEY];
}
