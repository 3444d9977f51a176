import { chooseBackend } from "../backend/choose";
import { verify as verifyFolder } from "../verify";
import { type Command, common, parse, remark, textOf } from "./command";

export const verify: Command = {
  summary: "check every known-answer file under a folder on a backend",
  usage: "DIR [--backend NAME] [--json]",
  async run(args) {
    const { values, positionals } = parse(args, common, ["DIR"]);
    const { name, line } = await chooseBackend(textOf(values, "backend"));
    remark(line);
    const files: { file: string; passed: boolean; line: string }[] = [];
    for await (const result of verifyFolder(positionals[0])) {
      files.push(result);
      console.log(`${result.passed ? "passed" : "FAILED"}  ${result.file}: ${result.line}`);
    }
    const failed = files.filter((file) => !file.passed).length;
    console.log(`${files.length - failed} passed, ${failed} failed`);
    return { json: { backend: name, passed: files.length - failed, failed, files }, status: failed === 0 ? 0 : 1 };
  },
};
