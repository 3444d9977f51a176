import { chooseBackend } from "../backend/choose";
import { newestCheckpoint, openRun } from "../train/run";
import { leaves } from "../tree";
import { UsageError } from "../types";
import { exportWeights, importWeights, readPublished, writePublished } from "../weights/published";
import { loadWeights, saveWeights } from "../weights/weightsFile";
import { type Command, type Outcome, parse, textOf, wholeOf } from "./command";

const importOptions = {
  model: { type: "string" },
  "kernel-size": { type: "string" },
  links: { type: "string" },
  window: { type: "string" },
  complete: { type: "boolean" },
} as const;

export const weights: Command = {
  summary: "read and write weights of the published code: .pth, .npz, .safetensors",
  usage:
    "import FILE.pth --model NAME OUT.safetensors [--kernel-size 3] [--links 10] [--window 30] [--complete] | " +
    "export DIR|FILE.safetensors OUT.npz|OUT.safetensors [--complete] | list FILE [--json]",
  async run([action, ...rest]) {
    const actions: Record<string, (args: string[]) => Promise<Outcome>> = { import: bring, export: give, list };
    if (action === undefined || !Object.hasOwn(actions, action)) {
      throw new UsageError(`weights ${action ?? ""}: expected ${Object.keys(actions).join(", ")}`);
    }
    // Moving numbers about needs no speed.
    await chooseBackend("cpu");
    return actions[action](rest);
  },
};

async function bring(args: string[]): Promise<Outcome> {
  const { values, positionals } = parse(args, importOptions, ["FILE", "OUT.safetensors"]);
  const [from, to] = positionals;
  const name = textOf(values, "model");
  if (name === undefined) throw new UsageError("weights import: expected --model NAME");
  if (!to.endsWith(".safetensors")) throw new UsageError(`${to}: expected a file that ends in .safetensors`);
  const [kernelSize, links, window] = ["kernel-size", "links", "window"].map((option) =>
    wholeOf(values, option, 1, 4096),
  );
  const given = { kernelSize, links, window, complete: values.complete === true || undefined };
  const stated = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { config, params } = importWeights(readPublished(from), { model: name, ...stated }, from);
  await saveWeights(to, config, params);
  const parameters = leaves(params).reduce((sum, [, leaf]) => sum + leaf.size, 0);
  const { filters, channels } = config;
  console.log(
    `${to}: ${name}, ${filters} filters, frames of ${channels} channels, ${parameters.toLocaleString("en")} parameters`,
  );
  return { json: { out: to, ...config, parameters } };
}

async function give(args: string[]): Promise<Outcome> {
  const { values, positionals } = parse(args, { complete: importOptions.complete }, ["DIR|FILE", "OUT"]);
  const [from, to] = positionals;
  const { config, params } = loadWeights(from.endsWith(".safetensors") ? from : newestCheckpoint(openRun(from)));
  const published = exportWeights(config, params, values.complete === true);
  writePublished(to, published);
  const parameters = [...published.values()].reduce((sum, { data }) => sum + data.length, 0);
  console.log(
    `${to}: ${published.size} arrays, ${parameters.toLocaleString("en")} parameters, names of the published code`,
  );
  return { json: { out: to, model: config.model, arrays: published.size, parameters } };
}

async function list(args: string[]): Promise<Outcome> {
  const { positionals } = parse(args, {}, ["FILE"]);
  const arrays = [...readPublished(positionals[0])].map(([name, { shape }]) => ({ name, shape }));
  for (const { name, shape } of arrays) console.log(`${name}  [${shape.join(", ")}]`);
  return { json: { arrays } };
}
