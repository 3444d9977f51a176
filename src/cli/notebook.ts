import { dirname, resolve } from "node:path";
import { notebookToHtml } from "#kernel/html";
import { parseObject } from "#kernel/json";
import { runNotebook } from "#kernel/run";
import { serve } from "#kernel/serve";
import { UsageError, UserError } from "../types";
import { asUserError, type Command, parse, textOf } from "./command";

const options = { out: { type: "string" }, html: { type: "string" }, parameters: { type: "string" } } as const;

export const notebook: Command = {
  summary: "open the notebooks in a browser, or run one unattended",
  usage: "serve | run NOTEBOOK.ipynb --out EXECUTED.ipynb [--html PAGE.html] [--parameters JSON]",
  async run([action, ...rest]) {
    if (action === "serve") {
      parse(rest, {});
      return { json: {}, status: (await serve()) === 0 ? 0 : 1 };
    }
    if (action !== "run") throw new UsageError(`notebook ${action ?? ""}: expected serve or run NOTEBOOK.ipynb`);
    const { values, positionals } = parse(rest, options, ["NOTEBOOK.ipynb"]);
    const out = textOf(values, "out");
    if (out === undefined) throw new UsageError("notebook run: expected --out EXECUTED.ipynb");
    const parameters = readParameters(textOf(values, "parameters"));
    // What the notebook writes goes beside its executed copy.
    process.env.MS_RNN_OUT = resolve(dirname(out));
    const result = await asUserError(() => runNotebook(positionals[0], { out, parameters }));
    if (!result.ok) throw new UserError(result.error ?? "the notebook failed");
    console.log(`executed notebook: ${result.out}`);
    const html = textOf(values, "html");
    const page = html === undefined ? undefined : await asUserError(async () => notebookToHtml(result.out, html));
    if (page !== undefined) console.log(`page: ${page}`);
    return { json: { notebook: result.out, html: page } };
  },
};

function readParameters(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  const value = parseObject(text);
  if (!value) throw new UsageError(`--parameters is ${text}, expected a JSON object`);
  return value;
}
