import { UsageError } from "../types";
import { benchDryRun, dryRunUsage } from "./benchDryRun";
import { benchOperation, operationUsage } from "./benchOperation";
import { benchPrefetch, prefetchUsage } from "./benchPrefetch";
import { benchScale, scaleUsage } from "./benchScale";
import { benchScore, scoreUsage } from "./benchScore";
import { benchSoak, soakUsage } from "./benchSoak";
import { benchStep, stepUsage } from "./benchStep";
import type { Command } from "./command";

const kinds = {
  step: benchStep,
  op: benchOperation,
  soak: benchSoak,
  scale: benchScale,
  score: benchScore,
  prefetch: benchPrefetch,
  "dry-run": benchDryRun,
};

export const bench: Command = {
  summary:
    "time training steps and single operations, ours and a peer's, how steps scale, scores, reading ahead, and what a dry run says; " +
    "soak: a long training's limits",
  usage: [stepUsage, operationUsage, soakUsage, scaleUsage, scoreUsage, prefetchUsage, dryRunUsage].join(
    "\nms-rnn bench ",
  ),
  async run([what, ...rest]) {
    if (what === undefined || !Object.hasOwn(kinds, what))
      throw new UsageError(`bench ${what ?? ""}: expected ${Object.keys(kinds).join(" or ")}`);
    return kinds[what as keyof typeof kinds](rest);
  },
};
