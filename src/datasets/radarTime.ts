import { basename } from "node:path";
import { UserError } from "../types";
import { filesBelow } from "./folder";

/** A time as yyyymmddHHMM. */
export const digitsOf = (minutes: number): string =>
  new Date(minutes * 60_000).toISOString().replace(/\D/g, "").slice(0, 12);

/** Minutes since 1970 of yyyymmddHHMM, or of yymmddHHMM in this century. Nothing where there is no such time. */
export function minutesOf(digits: string): number | undefined {
  const whole = digits.length === 10 ? `20${digits}` : digits;
  const [, year, month, day, hour, minute] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(whole)?.map(Number) ?? [];
  const minutes = Date.UTC(year, month - 1, day, hour, minute) / 60_000;
  return Number.isFinite(minutes) && digitsOf(minutes) === whole ? minutes : undefined;
}

/**
 * The files in a folder and below it whose names match `pattern`, the first group of which is a time; others are not looked at.
 * `example` is such a name. Errors: as for `filesBelow`; none; a time that does not exist.
 */
export function timedFiles(
  root: string,
  endings: readonly string[],
  pattern: RegExp,
  example: string,
): { path: string; time: number }[] {
  const what = `radar pictures such as ${example}`;
  const files = filesBelow(root, endings, what).flatMap(({ paths }) =>
    paths.flatMap((path) => {
      const digits = pattern.exec(basename(path))?.[1];
      if (digits === undefined) return [];
      const time = minutesOf(digits);
      if (time === undefined)
        throw new UserError(`${path}: expected a time in the name as in ${example}, got ${digits}`);
      return [{ path, time }];
    }),
  );
  if (files.length === 0) throw new UserError(`${root}: expected ${what}, found none`);
  return files;
}
