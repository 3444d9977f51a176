import { UsageError } from "../types";
import { balanced } from "./balanced";
import { fractionsSkill } from "./fss";
import { gdl } from "./gdl";
import { mae, maeMean } from "./mae";
import { mse, mseMean } from "./mse";
import { persistenceSkill } from "./persistence";
import { psnr } from "./psnr";
import { type RainMap, rainMaps } from "./rain";
import type { Score } from "./score";
import { eventScores, rainLevels } from "./skill";
import { msSsim, ssim } from "./ssim";

/** What video prediction is judged by: the scores of tables where nobody asks for others. */
export const usualScores: readonly Score[] = [mse, mae, ssim, psnr];

/** Scores of frames as pictures. */
export const frameScores: readonly Score[] = [...usualScores, mseMean, maeMean, msSsim, gdl, persistenceSkill];

/**
 * Scores of frames as rain: balanced errors, scores of events and fractions skill. For pictures that show no rain the reference
 * computes them with HKO-7's map; they mean nothing there.
 */
export function rainScores(rain: RainMap = rainMaps.hko7): readonly Score[] {
  const levels = rainLevels(rain);
  return [...balanced(rain), ...eventScores(levels), ...fractionsSkill(levels)];
}

/** All scores there are. */
export const allScores = (rain?: RainMap): readonly Score[] => [...frameScores, ...rainScores(rain)];

/** Scores by their names or by the first part of it: `csi` is `csi-0.5`, `csi-2` and so on. Error: unknown name. */
export function scoresNamed(names: readonly string[], rain?: RainMap): Score[] {
  const all = allScores(rain);
  return names.flatMap((name) => {
    const found = all.filter((score) => score.name === name || score.name.startsWith(`${name}-`));
    if (found.length === 0) {
      throw new UsageError(`unknown score: ${name}; expected some of ${all.map((score) => score.name).join(", ")}`);
    }
    return found;
  });
}
