import type { Profile, Spent } from "../bench/profile";
import { markdownTable } from "../report/markdownTable";

const milliseconds = (seconds: number) => (1000 * seconds).toFixed(2);

/** Where one replay's time went, in Markdown: by kind of work, and by layer. */
export function profileTables({ workload, model }: { workload: string; model: string }, profile: Profile): string {
  const { byOperation, byLayer } = profile;
  const total = byOperation.reduce((sum, { seconds }) => sum + seconds, 0);
  const commands = byOperation.reduce((sum, one) => sum + one.commands, 0);
  const cells = ({ seconds, forwardSeconds, backwardSeconds, commands }: Spent) => [
    milliseconds(seconds),
    `${((100 * seconds) / total).toFixed(1)} %`,
    milliseconds(forwardSeconds),
    milliseconds(backwardSeconds),
    String(commands),
  ];
  const head = ["ms", "share", "forward, ms", "backward, ms", "commands"];
  const nameOf = (layer: number) => (layer < 0 ? "embed, head, elsewhere" : `layer ${layer}`);
  return [
    `${model}, ${workload}: one replay, each command timed: ${milliseconds(total)} ms in ${commands} commands`,
    markdownTable(
      ["operation", ...head],
      byOperation.map((one) => [one.operation, ...cells(one)]),
    ),
    "",
    markdownTable(
      ["place", ...head],
      byLayer.map((one) => [nameOf(one.layer), ...cells(one)]),
    ),
  ].join("\n");
}
