import { UserError } from "../types";
import { squaredError } from "./mse";
import { score } from "./score";

/**
 * By how much a forecast is better than "nothing moves": 1 is perfect, 0 as good as the last frame copied, negative worse.
 *
 *     skill = 1 - Σ(x̂ - x)² / Σ(x_last - x)²,  sums over pixels and clips, by frame index; 0 where both are 0
 *
 * Source: Murphy, "Skill Scores Based on the Mean Square Error and Their Relationships to the Correlation Coefficient", 1988,
 * equation 4 with persistence as reference. `measure` throws a UserError where the persistence forecast was not given.
 */
export const persistenceSkill = score(
  {
    name: "persistenceSkill",
    synonyms: ["persistence skill", "skill against the last frame", "MSE skill score"],
    better: "higher",
    unit: "at most 1; 0 is the last frame copied",
    definition: "1 - MSE / MSE of the last given frame copied, sums over clips",
  },
  {
    parts: 2,
    needsPersisted: true,
    measure(pair) {
      const { persisted, observed } = pair;
      if (!persisted) throw new UserError("persistenceSkill: expected the forecast of the last frame copied, got none");
      let reference = 0;
      for (let i = 0; i < observed.length; i++) reference += (persisted[i] - observed[i]) ** 2;
      return [squaredError(pair), reference];
    },
    value: ([error, reference]) => (error === 0 && reference === 0 ? 0 : 1 - error / reference),
  },
);
