import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "../types";

/** One verb of the command line. */
export interface Command {
  /** One line for the list of verbs. */
  readonly summary: string;
  /** What stands behind the verb. */
  readonly usage: string;
  /** Returns what `--json` prints, and the exit status if it is not 0. */
  run(args: string[]): Promise<Outcome>;
}

export interface Outcome {
  readonly json: Record<string, unknown>;
  /** Default 0. */
  readonly status?: 0 | 1;
}

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values = Record<string, string | boolean | undefined>;

/** Options every verb takes; `--json` is taken away before. */
export const common = { backend: { type: "string" } } as const satisfies Options;

/** Reads options and exactly the positionals named. Error: anything else, in one line. */
export function parse(args: string[], options: Options, positionals: readonly string[] = []) {
  let parsed: { values: Values; positionals: string[] };
  try {
    parsed = parseArgs({ args, options, allowPositionals: true, strict: true }) as typeof parsed;
  } catch (error) {
    const [message] = (error as Error).message.split(/[.\n]/);
    const known = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(`${message}; expected ${known.join(" ") || "no options"}`);
  }
  const given = parsed.positionals;
  if (given.length !== positionals.length) {
    const expected = positionals.join(" ") || "nothing but options";
    throw new UsageError(`expected ${expected}, got ${given.length === 0 ? "nothing" : given.join(" ")}`);
  }
  return parsed;
}

/** A number option, or undefined where it was not given. Error: not a number. */
export function numberOf(values: Values, name: string): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) throw new UsageError(`--${name} is ${text}, expected a number`);
  return value;
}

export const textOf = (values: Values, name: string): string | undefined => values[name] as string | undefined;

/** Progress and remarks go to stderr, results to stdout. */
export const remark = (line: string): void => void process.stderr.write(`${line}\n`);
