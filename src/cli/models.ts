import { chooseBackend } from "../backend/choose";
import { reportModel } from "../model";
import { model, modelNames } from "../models";
import { agreementOf, readAgreement } from "../verify/agreement";
import { type Command, parse, wholeOf } from "./command";

const options = {
  size: { type: "string" },
  filters: { type: "string" },
  steps: { type: "string" },
} as const;

export const models: Command = {
  summary: "list the networks with parameters, operations, memory, papers and agreement with the reference",
  usage: "[--size 64] [--filters 64] [--steps 19] [--json]",
  async run(args) {
    const { values } = parse(args, options);
    const size = wholeOf(values, "size", 4, 4096) ?? 64;
    const filters = wholeOf(values, "filters", 1, 1024) ?? 64;
    const steps = wholeOf(values, "steps", 1) ?? 19;
    // Counting needs no speed.
    await chooseBackend("cpu");
    const agreement = readAgreement();
    const reports = modelNames().map((name) => {
      const frame = { height: size, width: size, channels: 1 };
      const network = model(name, { filters, frame });
      const { parameters, macsPerStep, convolutionOutputs, stateBytes } = reportModel(network);
      const complete = reportModel(model(name, { filters, frame, complete: true }));
      const cites = network.cites.map(({ title, year, checked, url }) => ({ title, year, checked, url }));
      return {
        name,
        parameters,
        macsPerStep,
        macsPerSequence: macsPerStep * steps,
        convolutionOutputs,
        stateBytes,
        published: {
          parameters: complete.parameters,
          macsPerStep: complete.macsPerStep,
          macsPerSequence: complete.macsPerStep * steps,
          convolutionOutputs: complete.convolutionOutputs,
        },
        agreement: agreementOf(name, agreement),
        cites,
      };
    });
    console.log(`frames ${size}x${size}x1, ${filters} filters; multiply-adds of one step and of ${steps} steps`);
    console.log(
      "published: with the weights that the published code creates and never uses, and what it computes in vain",
    );
    const cells = reports.map((r) => [
      r.name,
      r.parameters.toLocaleString("en"),
      r.published.parameters.toLocaleString("en"),
      (r.macsPerStep / 1e9).toFixed(3),
      (r.published.macsPerStep / 1e9).toFixed(3),
      (r.macsPerSequence / 1e9).toFixed(1),
      (r.published.macsPerSequence / 1e9).toFixed(1),
      (r.convolutionOutputs / 1e6).toFixed(2),
      r.cites[0].checked,
      statusOf(r.agreement),
    ]);
    const head = ["model", "parameters", "published", "G MAC/step", "published", "G MAC/sequence", "published"];
    head.push("M outputs/step", "paper checked", "equals the reference on");
    const width = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i].length)));
    for (const row of [head, ...cells]) {
      console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(width[i]) : cell.padStart(width[i]))).join("  "));
    }
    return { json: { size, filters, steps, models: reports } };
  },
};

const statusOf = ({ agrees, disagrees }: ReturnType<typeof agreementOf>): string => {
  const not = disagrees.length > 0 ? `not on ${disagrees.join(", ")}` : "";
  return [agrees.join(", "), not].filter(Boolean).join("; ") || "not checked";
};
