import { cpus } from "node:os";
import { complaint, watchOthers } from "../bench/others";
import { benchScores, CLIP, type ScoreTimes } from "../bench/scoreBench";
import { markdownTable } from "../report/markdownTable";
import { seconds } from "./benchSettings";
import { type Outcome, parse, remark, wholeOf } from "./command";

export const scoreUsage = "score [--clips 1000] [--json]";

/** `bench score`: how long scoring takes. */
export async function benchScore(args: string[]): Promise<Outcome> {
  const { values } = parse(args, { clips: { type: "string" } });
  const clips = wholeOf(values, "clips", 1) ?? 1000;
  const others = watchOthers([]);
  const times = benchScores(clips, ({ name, seconds: time }) => remark(`${name}: ${seconds(time)}`));
  const otherCores = others();
  const processor = cpus()[0].model;
  console.log(`${processor}, one thread; ${clips} clips of ${CLIP.frames} frames, ${CLIP.side} x ${CLIP.side}`);
  console.log(scoreTimeTable(times));
  const noise = complaint(otherCores);
  if (noise) remark(noise);
  return { json: { processor, otherCores, ...times } };
}

/** One row a kind of score, and one for all in one pass, in Markdown. */
export const scoreTimeTable = ({ results, all }: ScoreTimes): string =>
  markdownTable(
    ["score", "how many", "time"],
    [...results, all].map(({ name, scores, seconds: time }) => [name, String(scores), seconds(time)]),
  );
