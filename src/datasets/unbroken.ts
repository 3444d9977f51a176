import { UserError } from "../types";
import { isDayRule, listedDays } from "./dayLists";
import type { RadarOptions, RadarPicture, RadarRecording } from "./radar";
import { digitsOf } from "./radarTime";

/** A picture that can be read, and when it was taken. */
export interface TimedPicture {
  /** Minutes since 1970, in whatever time zone the files use. */
  readonly time: number;
  /** The file it is in. */
  readonly path: string;
  read(): RadarPicture | Promise<RadarPicture>;
}

const minutesADay = 24 * 60;

/**
 * Recordings of the pictures of `from` in the order of their times, each named by the first time in it, yyyymmddHHMM. A new one begins
 * where the time from one picture to the next is not the commonest one, and at midnight with `byDay` and where days are divided: then
 * only pictures of listed days are taken. Errors: two of one time; no pictures of any listed day.
 */
export function unbroken(
  from: string,
  pictures: readonly TimedPicture[],
  { split, byDay = false }: { split?: RadarOptions["split"]; byDay?: boolean },
): RadarRecording[] {
  const days = split && isDayRule(split) ? listedDays(split) : undefined;
  const isListed = ({ time }: TimedPicture) => !days || days.has(digitsOf(time).slice(0, 8));
  const sorted = pictures.filter(isListed).sort((a, b) => a.time - b.time);
  if (days && sorted.length === 0)
    throw new UserError(`${from}: expected pictures of ${days.size} listed days, such as ${[...days][0]}, found none`);
  const pauses = sorted.slice(1).map(({ time }, i) => time - sorted[i].time);
  const twice = pauses.indexOf(0);
  if (twice >= 0) throw new UserError(`${sorted[twice + 1].path} is of the same time as ${sorted[twice].path}`);
  const usual = commonest(pauses);
  const parts: TimedPicture[][] = [];
  for (const [i, picture] of sorted.entries()) {
    const midnight = (byDay || days) && picture.time % minutesADay < pauses[i - 1];
    if (i > 0 && pauses[i - 1] === usual && !midnight) parts[parts.length - 1].push(picture);
    else parts.push([picture]);
  }
  return parts.map((part) => ({
    name: digitsOf(part[0].time),
    files: [...new Set(part.map(({ path }) => path))],
    async *pictures() {
      for (const picture of part) yield await picture.read();
    },
  }));
}

/** The value that is there most often, the least of several. */
function commonest(values: readonly number[]): number | undefined {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([a, many], [b, more]) => more - many || a - b)[0]?.[0];
}
