import { inspect } from "node:util";

/** A map from MIME type to data, as Jupyter messages carry it: text, JSON values, base64 for pictures. */
export type Bundle = Record<string, unknown>;

const DISPLAY = Symbol.for("Jupyter.display");

/** The last value of a cell as a MIME bundle: by its own `Jupyter.display` method, or as text. */
export async function toBundle(value: unknown): Promise<Bundle> {
  const method = displayMethod(value);
  if (method === undefined) return { "text/plain": asText(value) };
  const bundle: unknown = await method.call(value);
  return cleanBundle(bundle);
}

/** Checks a bundle and writes bytes as base64. */
export function cleanBundle(bundle: unknown): Bundle {
  if (typeof bundle !== "object" || bundle === null || Array.isArray(bundle)) {
    throw new TypeError(`expected a map from MIME type to data to display, got ${inspect(bundle, { depth: 0 })}`);
  }
  const clean: Bundle = {};
  for (const [type, data] of Object.entries(bundle)) {
    if (!/^[\w.+-]+\/[\w.+-]+/.test(type)) throw new TypeError(`"${type}" is not a MIME type to display`);
    if (data === undefined) continue;
    clean[type] = data instanceof Uint8Array ? Buffer.from(data).toString("base64") : data;
  }
  return clean;
}

export function asText(value: unknown): string {
  return inspect(value, { depth: 4, maxArrayLength: 100, breakLength: 100 }).replace(ASYNC_MARKS, "");
}

/** What Node writes on promises to follow them from cell to output. */
const ASYNC_MARKS = /,\s*\[Symbol\((?:async_id_symbol|trigger_async_id_symbol|kResourceStore)\)\]: \d+/g;

function displayMethod(value: unknown): (() => unknown) | undefined {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return undefined;
  const method = (value as { [DISPLAY]?: unknown })[DISPLAY];
  return typeof method === "function" ? (method as () => unknown) : undefined;
}
