import { UsageError } from "../types";

/** The workloads of the benchmarks: a profile each. */
export const workloads: Record<string, { profile: string; batch: number }> = {
  small: { profile: "small", batch: 8 },
  paper: { profile: "paper", batch: 1 },
};

/** Without what was not given. */
export const defined = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;

export const seconds = (value: number) => `${value.toFixed(3)} s`;
export const milliseconds = (value: number) => `${(1000 * value).toFixed(1)} ms`;
export const megabytes = (bytes: number, digits = 0) => `${(bytes / 1e6).toFixed(digits)} MB`;

/** Names separated by commas, or all of them. Errors: an unknown one. */
export function namesOf<Name extends string>(text: string, known: readonly Name[], what: string): readonly Name[] {
  if (text === "all") return known;
  return text.split(",").map((name) => {
    const found = known.find((one) => one === name);
    if (!found) throw new UsageError(`unknown ${what}: ${name}; expected one of ${known.join(", ")}`);
    return found;
  });
}
