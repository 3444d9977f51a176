#!/usr/bin/env node
import { type Command, remark } from "./cli/command";
import { UsageError, UserError } from "./types";

/** Loaded only when asked for: a wrong verb should not wait for an engine to load. */
const verbs: Record<string, () => Command> = {
  train: () => require("./cli/train").train,
  evaluate: () => require("./cli/evaluate").evaluate,
  predict: () => require("./cli/predict").predict,
  report: () => require("./cli/report").report,
  models: () => require("./cli/models").models,
  verify: () => require("./cli/verify").verify,
  bench: () => require("./cli/bench").bench,
  data: () => require("./cli/data").data,
  weights: () => require("./cli/weights").weights,
  notebook: () => require("./cli/notebook").notebook,
  kernel: () => require("./cli/kernel").kernel,
};

async function main(given: string[]): Promise<number> {
  const json = given.includes("--json");
  const [verb, ...args] = given.filter((arg) => arg !== "--json");
  try {
    if (verb === undefined || verb === "--help" || verb === "help") {
      for (const [name, load] of Object.entries(verbs)) console.log(`${name.padEnd(9)} ${load().summary}`);
      if (verb === undefined) throw new UsageError("expected a verb");
      return 0;
    }
    if (!Object.hasOwn(verbs, verb)) {
      throw new UsageError(`unknown verb: ${verb}; expected one of ${Object.keys(verbs).join(", ")}`);
    }
    const command = verbs[verb]();
    if (args.includes("--help")) {
      console.log(`ms-rnn ${verb} ${command.usage}\n${command.summary}`);
      if (json) console.log(JSON.stringify({ verb, usage: command.usage, summary: command.summary }));
      return 0;
    }
    const { json: result, status = 0 } = await command.run(args);
    if (json) console.log(JSON.stringify(result));
    return status;
  } catch (error) {
    // What the user can mend is one line; anything else is a fault of ours and shows where it happened.
    if (!(error instanceof UserError)) remark(String((error as Error).stack ?? error));
    else remark(`ms-rnn: ${error.message}`);
    if (json) console.log(JSON.stringify({ error: (error as Error).message }));
    return error instanceof UsageError ? 2 : 1;
  }
}

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
