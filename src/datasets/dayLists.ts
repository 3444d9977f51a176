import { readFile } from "../files";
import { UserError } from "../types";
import type { Split } from "./dataset";
import type { Recording } from "./frameSource";
import { minutesOf } from "./radarTime";
import type { SplitRule } from "./splits";

/** The days, yyyymmdd, of which recordings train, validate and test. Pictures of other days are left out. */
export interface DayRule {
  readonly days: Partial<Record<Split, readonly string[]>>;
}

export const isDayRule = (rule: object): rule is DayRule => "days" in rule;

/** All days of a rule. */
export const listedDays = ({ days }: DayRule): Set<string> => new Set(Object.values(days).flat());

/**
 * Days of a text file, one a line as `yyyymmdd, mm`; the amounts of rain are not used.
 * Errors: missing, no days, lines that say something else.
 */
export function readDays(path: string): string[] {
  const lines = readFile(path, "list of days").toString("utf8").split(/\r?\n/);
  const days = lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    const day = /^(\d{8}) *, *\d+(\.\d+)?$/.exec(line.trim())?.[1];
    if (day === undefined || minutesOf(`${day}0000`) === undefined) {
      throw new UserError(
        `${path}, line ${i + 1}: expected a day and its rain such as 20150107, 0.1, got ${line.slice(0, 40)}`,
      );
    }
    return [day];
  });
  if (days.length === 0) throw new UserError(`${path}: expected days, got none`);
  return days;
}

/** The recordings of each split by name, and the listed days of which there are none. Recordings are named by their time. */
export function ruleOfDays(
  { days }: DayRule,
  recordings: readonly Recording[],
): { rule: SplitRule; absent: readonly string[] } {
  const names = (day: string) => recordings.map(({ name }) => name).filter((name) => name.startsWith(day));
  const of = (split: Split) => (days[split] ?? []).flatMap(names);
  return {
    rule: { train: of("train"), validation: of("validation"), test: of("test") },
    absent: [...listedDays({ days })].filter((day) => names(day).length === 0),
  };
}
