import {
  type CatalogueEntry,
  checkFiles,
  fetchFiles,
  type OpenOptions,
  rawFolder,
  standInFolder,
} from "../datasets/catalogue";
import type { Dataset } from "../datasets/dataset";
import { catalogue, entryNamed } from "../datasets/entries";
import { isStandIn } from "../datasets/standIns/mark";
import { type Progress, progress } from "../display/progress";
import { UsageError, UserError } from "../types";
import { type Command, type Outcome, parse, remark, textOf, wholeOf } from "./command";
import { tellPreparing } from "./preparing";

const options = {
  profile: { type: "string" },
  time: { type: "string" },
  from: { type: "string" },
  "stand-in": { type: "boolean" },
  seed: { type: "string" },
} as const;

const actions = { list, describe, prepare, verify } as const;

export const data: Command = {
  summary: "list data sets, describe one, fetch and prepare its frames, or check its files",
  usage:
    "list | describe NAME | prepare NAME | verify NAME [--from PATH | --stand-in [--seed 2022]] [--profile NAME] [--time N] [--json]",
  async run([action, ...rest]) {
    if (!Object.hasOwn(actions, action ?? ""))
      throw new UsageError(`data ${action ?? ""}: expected list, describe NAME, prepare NAME or verify NAME`);
    return actions[action as keyof typeof actions](rest);
  },
};

async function list(args: string[]): Promise<Outcome> {
  parse(args, {});
  const width = Math.max(...catalogue.map(({ name }) => name.length));
  for (const { name, title } of catalogue) console.log(`${name.padEnd(width)}  ${title}`);
  return { json: { datasets: catalogue.map(({ name }) => name) } };
}

/** What the arguments name, and where its files are said to be. */
async function chosen(args: string[]) {
  const { values, positionals } = parse(args, options, ["NAME"]);
  const entry = entryNamed(positionals[0]);
  const profile = textOf(values, "profile");
  if (profile !== undefined && !entry.profiles.includes(profile))
    throw new UsageError(
      `--profile is ${profile}, expected ${entry.profiles.join(" or ") || "none"} for ${entry.name}`,
    );
  const time = wholeOf(values, "time", 1);
  const from = textOf(values, "from");
  const seed = wholeOf(values, "seed", 0);
  if (values["stand-in"] !== true) {
    if (seed !== undefined) throw new UsageError("--seed: expected --stand-in with it");
    return { entry, profile, time, from };
  }
  if (from !== undefined) throw new UsageError("expected either --from or --stand-in");
  if (!entry.standIn) throw new UsageError(`--stand-in: ${entry.name} has none`);
  remark(`${entry.name}: a stand-in, simulated in the same file format`);
  return { entry, profile, time, from: await standInFolder(entry, seed ?? 2022) };
}

async function describe(args: string[]): Promise<Outcome> {
  const { entry, profile, time, from } = await chosen(args);
  const { title, citation, url, licence, how, files } = entry;
  console.log(title);
  console.log(`cite: ${citation.authors}, "${citation.title}", ${citation.year} (${citation.url ?? "no address"})`);
  console.log(`address: ${url}`);
  console.log(`licence: ${licence}`);
  console.log(`how: ${how}`);
  for (const { name, bytes, sha256, md5, url: address } of files) {
    const sum = sha256 ? `sha256 ${sha256}` : md5 ? `md5 ${md5}` : "no published checksum known";
    console.log(`file ${name}: ${bytes === undefined ? "size not known" : `${bytes} bytes`}, ${sum}`);
    if (address) console.log(`  ${address}`);
  }
  if (entry.profiles.length > 0) console.log(`profiles: ${entry.profiles.join(", ")}`);
  const about = { name: entry.name, title, citation, url, licence, how, files, profiles: entry.profiles };
  if (from === undefined && !entry.generated) {
    console.log("give --from PATH, or --stand-in where there is one, to see its clips");
    return { json: about };
  }
  return { json: { ...about, ...describeClips(await open(entry, { from, profile, time })) } };
}

/** Prints what one gets. */
function describeClips(dataset: Dataset) {
  const { name, frame, time, source } = dataset;
  const clips = Object.fromEntries(
    (["train", "validation", "test"] as const).map((split) => [split, dataset.size(split)]),
  );
  const [low, high] = frame.range;
  console.log(`${name}: ${source.how}`);
  console.log(
    `frames ${frame.height}x${frame.width}x${frame.channels}, ${frame.unit}, ${low} to ${high}; ${time} a clip`,
  );
  const sizes = Object.entries(clips).map(([split, size]) => `${split} ${size.toLocaleString("en")}`);
  console.log(`clips: ${sizes.join(", ")}`);
  for (const [file, sum] of Object.entries(source.sha256 ?? {})) console.log(`sha256 ${sum}  ${file}`);
  return { dataset: name, frame, time, source, clips };
}

async function prepare(args: string[]): Promise<Outcome> {
  const { entry, profile, time, from: told } = await chosen(args);
  const from = told ?? (entry.generated ? undefined : await fetched(entry));
  return { json: { name: entry.name, from, ...describeClips(await open(entry, { from, profile, time })) } };
}

/** The folder with what could be downloaded. Error: something has to be got by hand. */
async function fetched(entry: CatalogueEntry): Promise<string> {
  const folder = rawFolder(entry.name);
  let bar: Progress | undefined;
  const onFile = ({ name }: { name: string }) => {
    bar?.done();
    bar = undefined;
    remark(`${name}: downloading`);
  };
  const onProgress = (done: number, total = 0) => {
    if (total > 0) bar ??= progress(total / 1e6, { label: "MB" });
    bar?.update(Math.round(done / 1e6));
  };
  const missing = await fetchFiles(entry, folder, { onFile, onProgress });
  bar?.done();
  if (missing.length > 0 || entry.files.length === 0) {
    const what = missing.length > 0 ? `${missing.join(", ")} in ${folder}, or the folder` : "the folder or file";
    throw new UserError(`${entry.name}: ${entry.how} (${entry.url}); expected ${what} given as --from`);
  }
  return folder;
}

function open(
  entry: CatalogueEntry,
  where: Pick<OpenOptions, "from" | "profile" | "time">,
): Promise<Dataset> | Dataset {
  return entry.open({ ...where, onProgress: tellPreparing() });
}

async function verify(args: string[]): Promise<Outcome> {
  const { entry, profile, time, from } = await chosen(args);
  const folder = from ?? rawFolder(entry.name);
  // What is published is not to be compared with what is simulated.
  const files = entry.generated || isStandIn(folder) ? [] : await checkFiles(entry, folder);
  const notes = { same: "as published", present: "there; no published checksum known", missing: "missing" };
  for (const { name, state } of files) console.log(`${name}: ${notes[state]}`);
  if (files.some(({ state }) => state === "missing") && from === undefined)
    throw new UserError(`${entry.name}: expected its files in ${folder}, or --from PATH; ${entry.how} (${entry.url})`);
  const dataset = await open(entry, { from: entry.generated ? from : folder, profile, time });
  // Asking for one clip of each split reads every kind of file behind them.
  for (const split of ["train", "validation", "test"] as const)
    if (dataset.size(split) > 0) await dataset.sequences(split, [0]);
  console.log(`${dataset.name}: files are there and can be read`);
  return { json: { name: dataset.name, verified: true, files } };
}
