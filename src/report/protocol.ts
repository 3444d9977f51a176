import { brief } from "../display/axis";
import type { Experiment } from "../settings";
import type { Protocol, PublishedResult, PublishedTable } from "./published";
import type { RunFacts } from "./runFacts";

/** How the numbers of a run were made. */
export function protocolOf({ settings, dataset, trainingSequences, iterations, evaluation }: RunFacts): Protocol {
  const { size, context, horizon, batch, filters, loss } = settings;
  return {
    ...{ data: dataset, size, context, horizon, trainingSequences, iterations, batch, filters },
    ...(trainingSequences && { epochs: Number(((iterations * batch) / trainingSequences).toPrecision(3)) }),
    loss: lossText(loss),
    ...(evaluation && { testClips: evaluation.clips }),
    scored: "the horizon",
  };
}

const lossText = (loss: Experiment["loss"]): string =>
  Object.entries(loss)
    .filter(([, weight]) => typeof weight !== "number" || weight !== 0)
    .map(([term, weight]) => (weight === 1 ? term : `${weight} ${term}`))
    .join(" + ");

const square = (size: unknown) => `${size} x ${size}`;
const count = (value: unknown) =>
  Number.isInteger(value) ? (value as number).toLocaleString("en") : brief(value as number, 3);
const facts: Record<keyof Protocol, readonly [words: string, tell: (value: unknown) => string]> = {
  data: ["data", String],
  size: ["frames", square],
  context: ["context", count],
  horizon: ["horizon", count],
  trainingSequences: ["training sequences", count],
  iterations: ["iterations", count],
  epochs: ["epochs", count],
  batch: ["batch", count],
  filters: ["channels of every layer", count],
  loss: ["loss", String],
  testClips: ["test clips", count],
  scored: ["scores over", String],
};

/** Where two protocols differ, in words, and what the second does not tell. */
export function protocolDifferences(ours: Protocol, theirs: Protocol): { differ: string[]; untold: string[] } {
  const known = (Object.keys(facts) as (keyof Protocol)[]).filter((name) => ours[name] !== undefined);
  return {
    differ: known
      .filter((name) => theirs[name] !== undefined && theirs[name] !== ours[name])
      .map((name) => {
        const [words, tell] = facts[name];
        return `${words} ${tell(ours[name])} here, ${tell(theirs[name])} there`;
      }),
    untold: known.filter((name) => theirs[name] === undefined).map((name) => facts[name][0]),
  };
}

/** The name of the network without its multi-scale wiring and, in published tables, without its size: MS-ConvLSTM, ConvLSTM-S. */
export const baseName = (model: string): string => model.replace(/^MS-/, "").replace(/-[SL]$/, "");

/** Published tables of a run's data set with the rows of its network, and of its base if it is a multi-scale one. */
export function publishedFor(tables: readonly PublishedTable[], { dataset, settings }: RunFacts): PublishedTable[] {
  const data = (name: string) => name.replace(/ \(.*/, "");
  return tables
    .filter(({ protocol }) => data(protocol.data) === data(dataset))
    .map((table) => ({ ...table, rows: table.rows.filter((row) => isOf(row, settings.model)) }))
    .filter(({ rows }) => rows.length > 0);
}

const isOf = ({ model }: PublishedResult, network: string) => baseName(model) === baseName(network);
