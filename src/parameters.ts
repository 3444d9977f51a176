import { parseObject } from "#kernel/json";
import { UsageError } from "./types";

/**
 * A notebook's parameters: the defaults its first cell states, overridden by the JSON object in the environment variable
 * MS_RNN_PARAMETERS, which unattended runs set. Errors: no JSON object, a name without a default, a value of another type.
 */
export function parameters<T extends Record<string, string | number | boolean>>(
  defaults: T,
  text = process.env.MS_RNN_PARAMETERS ?? "{}",
): T {
  const given = parseObject(text);
  if (!given) throw new UsageError(`MS_RNN_PARAMETERS is ${text}, expected a JSON object`);
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) {
      throw new UsageError(`unknown parameter: ${name}; expected one of ${Object.keys(defaults).join(", ")}`);
    }
    if (typeof value !== typeof defaults[name]) {
      throw new UsageError(`parameter ${name} is ${JSON.stringify(value)}, expected a ${typeof defaults[name]}`);
    }
  }
  return { ...defaults, ...given };
}
