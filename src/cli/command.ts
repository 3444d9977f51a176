import { type ParseArgsConfig, parseArgs } from "node:util";
import { didYouMean } from "../nearest";
import { UsageError, UserError } from "../types";

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

/** Options of every verb that computes; `--json` is taken away before. */
export const common = { backend: { type: "string" } } as const satisfies Options;

/** Reads options and exactly the positionals named, one or more where `...` ends them. Error: anything else, in one line. */
export function parse(args: string[], options: Options, positionals: readonly string[] = []) {
  let parsed: { values: Values; positionals: string[] };
  try {
    parsed = parseArgs({ args: joinNegative(args), options, allowPositionals: true, strict: true }) as typeof parsed;
  } catch (error) {
    const [message] = (error as Error).message.split(/[.\n]/);
    const known = Object.keys(options).map((name) => `--${name}`);
    const hint = didYouMean(/--[^\s'=]+/.exec(message)?.[0] ?? "", known);
    throw new UsageError(`${message}${hint}; expected ${known.join(" ") || "no options"}`);
  }
  const given = parsed.positionals;
  const isOpen = positionals.at(-1) === "...";
  if (isOpen ? given.length < positionals.length - 1 : given.length !== positionals.length) {
    const expected = positionals.join(" ") || "nothing but options";
    throw new UsageError(`expected ${expected}, got ${given.length === 0 ? "nothing" : given.join(" ")}`);
  }
  return parsed;
}

/** `--seed -1` as `--seed=-1`: the parser takes a lone -1 for an option. */
function joinNegative(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined[joined.length - 1];
    if (/^-[\d.]/.test(arg) && /^--[^=]+$/.test(before ?? "")) joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

/** A number option, or undefined where it was not given. Error: not a number. */
export function numberOf(values: Values, name: string): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) throw new UsageError(`--${name} is ${text}, expected a number`);
  return value;
}

/** A whole number option from `low` to `high`, or undefined where it was not given. */
export function wholeOf(values: Values, name: string, low: number, high = Number.MAX_SAFE_INTEGER): number | undefined {
  const value = numberOf(values, name);
  if (value === undefined || (Number.isSafeInteger(value) && value >= low && value <= high)) return value;
  const range = high === Number.MAX_SAFE_INTEGER ? `from ${low}` : `from ${low} to ${high}`;
  throw new UsageError(`--${name} is ${value}, expected a whole number ${range}`);
}

/** A text option, or undefined where it was not given. Error: it is empty. */
export function textOf(values: Values, name: string): string | undefined {
  if (values[name] === "") throw new UsageError(`--${name} is empty`);
  return values[name] as string | undefined;
}

/** Progress and remarks go to stderr, results to stdout. */
export const remark = (line: string): void => void process.stderr.write(`${line}\n`);

/** Runs a part of the kernel, which knows nothing of our errors: what it says in one line is for the user. */
export async function asUserError<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new UserError((error as Error).message);
  }
}
