import type { Which } from "../train/run";
import { UsageError } from "../types";
import { textOf } from "./command";

/** Which of a run's checkpoints `--checkpoint` names, if it was given. Error: another word. */
export function whichOf(values: Parameters<typeof textOf>[0]): Which | undefined {
  const which = textOf(values, "checkpoint");
  if (which === undefined || which === "newest" || which === "best") return which;
  if (/^\d{1,15}$/.test(which)) return Number(which);
  throw new UsageError(`--checkpoint is ${which}, expected newest, best or an iteration`);
}
