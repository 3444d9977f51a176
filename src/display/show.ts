import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { diagram, isDrawn } from "./diagram";
import { notebookHost } from "./host";
import { DISPLAY, isDisplayable, type MimeBundle } from "./mime";

export interface ShowOptions {
  /** Name under which the output can be replaced later; default a new one. */
  id?: string;
  /** Replace the output of that name instead of adding one; default false. */
  update?: boolean;
  /** Metadata of the output; default none. */
  metadata?: Record<string, unknown>;
}

/** An output that can be replaced in its place. */
export interface Shown {
  readonly id: string;
  /** Replaces the output. Calls are carried out in their order. */
  update(value: unknown): Promise<void>;
}

/** What a value shows: its own bundle, or its text. */
export async function bundleOf(value: unknown): Promise<MimeBundle> {
  if (isDisplayable(value)) return value[DISPLAY]();
  if (isDrawn(value)) return diagram(value)[DISPLAY]();
  return { "text/plain": typeof value === "string" ? value : inspect(value, { depth: 4, maxArrayLength: 100 }) };
}

/**
 * Sends one output to the notebook: the bundle of a picture, chart, table or any other value with a method under
 * `Symbol.for("Jupyter.display")`, the diagram of a wiring or a network, the text of other values. Outside a notebook: prints `text/plain`, and prints an
 * update only if its text differs from what was printed before.
 *
 * ```ts
 * const live = await show(lossCurve(points));
 * await live.update(lossCurve(points)); // in the same place
 * ```
 */
export async function show(value: unknown, options: ShowOptions = {}): Promise<Shown> {
  const { id = randomUUID(), update = false, metadata } = options;
  let printed: string | undefined;
  const send = async (what: unknown, again: boolean) => {
    const bundle = await bundleOf(what);
    const host = notebookHost();
    if (host) {
      host.display(bundle, { id, update: again, ...(metadata && { metadata }) });
    } else if (bundle["text/plain"] !== printed) {
      printed = bundle["text/plain"] ?? "";
      process.stdout.write(`${printed}\n`);
    }
  };
  let last = send(value, update);
  await last;
  return {
    id,
    update(next) {
      last = last.catch(() => {}).then(() => send(next, true));
      return last;
    },
  };
}
