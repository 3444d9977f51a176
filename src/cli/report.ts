import { chooseBackend } from "../backend/choose";
import { report as reportRuns } from "../report/report";
import { UsageError } from "../types";
import { type Command, parse, textOf } from "./command";

export const report: Command = {
  summary: "one table and one set of figures of runs, beside the published numbers",
  usage: "DIR... [--out DIR (needed for several runs)] [--title TEXT] [--json]",
  async run(args) {
    const options = { out: { type: "string" }, title: { type: "string" } } as const;
    const { values, positionals } = parse(args, options, ["DIR", "..."]);
    const out = textOf(values, "out") ?? (positionals.length === 1 ? positionals[0] : undefined);
    if (out === undefined) throw new UsageError("report: expected --out DIR for several runs");
    // Counting parameters needs no speed.
    await chooseBackend("cpu");
    const made = await reportRuns(positionals, { title: textOf(values, "title") });
    const files = made.write(out);
    console.log(made.table.text);
    console.log(`report: ${files.at(-1)}`);
    return { json: { runs: made.rows, files } };
  },
};
