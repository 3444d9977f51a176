import type { Dataset } from "../datasets/dataset";
import { movingMnist } from "../datasets/movingMnist";
import { UsageError } from "../types";
import { type Command, parse, textOf } from "./command";

const datasets: Record<string, (options: { profile?: "small" | "paper"; digits?: string }) => Dataset> = {
  "moving-mnist": movingMnist,
};

const options = { profile: { type: "string" }, digits: { type: "string" } } as const;

/** The data set of that name. Error: unknown name. */
export function datasetNamed(name: string, settings: Parameters<typeof movingMnist>[0] = {}): Dataset {
  if (!Object.hasOwn(datasets, name)) {
    throw new UsageError(`unknown data set: ${name}; expected one of ${Object.keys(datasets).join(", ")}`);
  }
  return datasets[name](settings as { profile?: "small" | "paper"; digits?: string });
}

export const data: Command = {
  summary: "list data sets, describe one, or check its files",
  usage: "list | describe NAME | verify NAME [--profile small|paper] [--digits PATH] [--json]",
  async run(args) {
    const [action, ...rest] = args;
    if (action === "list") {
      parse(rest, {});
      for (const name of Object.keys(datasets)) console.log(name);
      return { json: { datasets: Object.keys(datasets) } };
    }
    if (action !== "describe" && action !== "verify") {
      throw new UsageError(`data ${action ?? ""}: expected list, describe NAME or verify NAME`);
    }
    const { values, positionals } = parse(rest, options, ["NAME"]);
    const dataset = datasetNamed(positionals[0], {
      profile: textOf(values, "profile") as "small" | "paper" | undefined,
      digits: textOf(values, "digits"),
    });
    const splits = (["train", "validation", "test"] as const).map((split) => [split, dataset.size(split)] as const);
    if (action === "verify") {
      // Asking for one clip of each split reads and checks every file behind them.
      for (const [split] of splits) await dataset.sequences(split, [0]);
      console.log(`${dataset.name}: files are there and have the expected content`);
      return { json: { name: dataset.name, verified: true } };
    }
    const { name, frame, time, source, citation } = dataset;
    const [low, high] = frame.range;
    console.log(`${name}: ${citation.authors}, "${citation.title}", ${citation.year} (${citation.url})`);
    console.log(
      `frames ${frame.height}x${frame.width}x${frame.channels}, ${frame.unit}, ${low} to ${high}; ${time} a clip`,
    );
    console.log(`clips: ${splits.map(([split, size]) => `${split} ${size.toLocaleString("en")}`).join(", ")}`);
    console.log(`source: ${source.url}; licence: ${source.licence}; ${source.how}`);
    for (const [file, sum] of Object.entries(source.sha256 ?? {})) console.log(`sha256 ${sum}  ${file}`);
    return { json: { name, frame, time, source, citation, clips: Object.fromEntries(splits) } };
  },
};
