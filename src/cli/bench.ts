import { UsageError } from "../types";
import { benchOperation, operationUsage } from "./benchOperation";
import { benchStep, stepUsage } from "./benchStep";
import type { Command } from "./command";

const kinds = { step: benchStep, op: benchOperation };

export const bench: Command = {
  summary: "time whole training steps or single operations, ours and a peer's",
  usage: `${stepUsage}\nms-rnn bench ${operationUsage}`,
  async run([what, ...rest]) {
    if (what === undefined || !Object.hasOwn(kinds, what))
      throw new UsageError(`bench ${what ?? ""}: expected step or op`);
    return kinds[what as keyof typeof kinds](rest);
  },
};
