import { UsageError } from "../types";
import { benchOperation, operationUsage } from "./benchOperation";
import { benchScale, scaleUsage } from "./benchScale";
import { benchSoak, soakUsage } from "./benchSoak";
import { benchStep, stepUsage } from "./benchStep";
import type { Command } from "./command";

const kinds = { step: benchStep, op: benchOperation, soak: benchSoak, scale: benchScale };

export const bench: Command = {
  summary:
    "time training steps and single operations, ours and a peer's, and how steps scale; soak: a long training's limits",
  usage: [stepUsage, operationUsage, soakUsage, scaleUsage].join("\nms-rnn bench "),
  async run([what, ...rest]) {
    if (what === undefined || !Object.hasOwn(kinds, what))
      throw new UsageError(`bench ${what ?? ""}: expected ${Object.keys(kinds).join(" or ")}`);
    return kinds[what as keyof typeof kinds](rest);
  },
};
