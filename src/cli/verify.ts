import { chooseBackend } from "../backend/choose";
import { type FileResult, verify as verifyFolder } from "../verify";
import { recordAgreement } from "../verify/agreement";
import { type Command, common, parse, remark, textOf } from "./command";

export const verify: Command = {
  summary: "check every known-answer file under a folder on a backend",
  usage: "DIR [--backend NAME] [--record FILE] [--json]",
  async run(args) {
    const { values, positionals } = parse(args, { ...common, record: { type: "string" } }, ["DIR"]);
    const record = textOf(values, "record");
    const { name, line } = await chooseBackend(textOf(values, "backend"));
    remark(line);
    const files: FileResult[] = [];
    for await (const result of verifyFolder(positionals[0])) {
      files.push(result);
      console.log(`${result.passed ? "passed" : "FAILED"}  ${result.file}: ${result.line}`);
    }
    const failed = files.filter((file) => !file.passed).length;
    console.log(`${files.length - failed} passed, ${failed} failed`);
    if (record) recordAgreement(name, files, new Date().toISOString().slice(0, 10), record);
    return { json: { backend: name, passed: files.length - failed, failed, files }, status: failed === 0 ? 0 : 1 };
  },
};
