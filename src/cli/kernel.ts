import { installKernel } from "#kernel/install";
import { UsageError } from "../types";
import { asUserError, type Command, parse, textOf } from "./command";

export const kernel: Command = {
  summary: "install the Jupyter kernel's specification",
  usage: "install [--prefix DIR]",
  async run([action, ...rest]) {
    if (action !== "install") throw new UsageError(`kernel ${action ?? ""}: expected install [--prefix DIR]`);
    const { values } = parse(rest, { prefix: { type: "string" } });
    const prefix = textOf(values, "prefix");
    const { path, changed } = await asUserError(() => installKernel({ prefix }));
    console.log(`kernel specification ${changed ? "written" : "unchanged"}: ${path}`);
    return { json: { path, changed } };
  },
};
