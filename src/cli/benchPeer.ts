import { peerNames } from "../bench/pytorch";
import { UsageError } from "../types";
import { textOf } from "./command";

/** The peer asked for, or nothing. Errors: another name. */
export function peerOf(values: Parameters<typeof textOf>[0]): (typeof peerNames)[number] | undefined {
  const name = textOf(values, "peer");
  const known = peerNames.find((peer) => peer === name);
  if (name !== undefined && !known) throw new UsageError(`unknown peer: ${name}; expected ${peerNames.join(" or ")}`);
  return known;
}
