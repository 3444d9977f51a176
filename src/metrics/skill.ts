import { type FramePair, isKnown, shared } from "./framePairs";
import { levelsReached, ranksOf, type Threshold } from "./levels";
import { type RainMap, rainThresholds } from "./rain";
import { type About, type Score, score } from "./score";

/** Events forecast and seen, forecast only, seen only, neither. */
export type Counts = readonly [hits: number, falseAlarms: number, misses: number, correctNegatives: number];

/** 0/0 is 0: what never happened and was never forecast. */
const ratio = (above: number, below: number) => (above === 0 && below === 0 ? 0 : above / below);

const kinds: Readonly<
  Record<string, Pick<About, "synonyms" | "better" | "definition"> & { of(counts: Counts): number }>
> = {
  pod: {
    synonyms: ["POD", "probability of detection", "hit rate", "recall"],
    better: "higher",
    definition: "hits / (hits + misses)",
    of: ([hits, , misses]) => ratio(hits, hits + misses),
  },
  far: {
    synonyms: ["FAR", "false alarm ratio"],
    better: "lower",
    definition: "false alarms / (hits + false alarms)",
    of: ([hits, falseAlarms]) => ratio(falseAlarms, hits + falseAlarms),
  },
  csi: {
    synonyms: ["CSI", "critical success index", "threat score"],
    better: "higher",
    definition: "hits / (hits + false alarms + misses)",
    of: ([hits, falseAlarms, misses]) => ratio(hits, hits + falseAlarms + misses),
  },
  hss: {
    synonyms: ["HSS", "Heidke skill score"],
    better: "higher",
    definition: "2(ad - bc) / ((a + c)(c + d) + (a + b)(b + d)), a hits, b false alarms, c misses, d correct negatives",
    of: ([a, b, c, d]) => ratio(2 * (a * d - b * c), (a + c) * (c + d) + (a + b) * (b + d)),
  },
};

/** The levels that rain is judged at, as pixels of a data set. */
export const rainLevels = (rain: RainMap, rates: readonly number[] = rainThresholds): Threshold[] =>
  rates.map((rate) => ({ name: `${rate}`, pixel: rain.toPixel(rate), meaning: `${rate} mm/h (${rain.name})` }));

/**
 * Scores of events: POD, FAR, CSI and HSS at each level, `pod-0.5` and so on. The four counts are summed over all clips, by frame
 * index, before anything is divided; 0/0 counts as 0. NaN in a frame makes the score NaN.
 *
 * Source: Shi et al., "Deep Learning for Precipitation Nowcasting: A Benchmark and A New Model", 2017, section 3.4; Wilks,
 * "Statistical Methods in the Atmospheric Sciences", chapter on verification.
 */
export function eventScores(levels: readonly Threshold[]): Score[] {
  return Object.entries(kinds).flatMap(([name, { of, ...about }]) =>
    levels.map((level, i) =>
      score(
        {
          ...about,
          name: `${name}-${level.name}`,
          unit: `${name === "hss" ? "-1..1" : "0..1"}, events from ${level.meaning}`,
        },
        {
          parts: 4,
          measure: (pair) => counts(pair, levels)[i],
          value: (sums) => (sums.some(Number.isNaN) ? Number.NaN : of(sums as unknown as Counts)),
        },
      ),
    ),
  );
}

/** The counts of one frame at each level. */
export const counts = (pair: FramePair, levels: readonly Threshold[]): readonly Counts[] =>
  shared(pair, levels, () => {
    if (!isKnown(pair)) return levels.map(() => [Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
    const pixels = levels.map(({ pixel }) => pixel);
    const [predicted, observed] = [pair.predicted, pair.observed].map((values) => levelsReached(values, pixels));
    // Pixels by what they reach in the forecast and in truth.
    const kinds = levels.length + 1;
    const pixelsOf = new Uint32Array(kinds * kinds);
    for (let i = 0; i < observed.length; i++) pixelsOf[predicted[i] * kinds + observed[i]]++;
    return ranksOf(pixels).map((rank) => {
      const found: [number, number, number, number] = [0, 0, 0, 0];
      pixelsOf.forEach((count, kind) => {
        const [forecast, seen] = [Math.floor(kind / kinds) > rank, kind % kinds > rank];
        found[(forecast ? 0 : 2) + (seen ? 0 : 1)] += count;
      });
      return found;
    });
  });
