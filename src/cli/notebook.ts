import { notebookToHtml } from "#kernel/html";
import { runNotebook } from "#kernel/run";
import { serve } from "#kernel/serve";
import { UsageError, UserError } from "../types";
import { type Command, parse, textOf } from "./command";

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
    const result = await runNotebook(positionals[0], { out, parameters: readParameters(textOf(values, "parameters")) });
    if (!result.ok) throw new UserError(result.error ?? "the notebook failed");
    console.log(`executed notebook: ${result.out}`);
    const html = textOf(values, "html");
    const page = html === undefined ? undefined : notebookToHtml(result.out, html);
    if (page !== undefined) console.log(`page: ${page}`);
    return { json: { notebook: result.out, html: page } };
  },
};

function readParameters(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`--parameters is ${text}, expected a JSON object`);
  }
}
