import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { trivialForecasters } from "#src/evaluate";
import type { ScoreReport } from "#src/metrics/evaluate";
import { experiment } from "#src/profiles";
import { drawnFrame } from "#src/recipe";
import { addScores } from "#src/report/scoresFile";
import type { Experiment } from "#src/settings";

/** Scores whose horizon (the last two of three frames) and clips are given. */
export const reportOf = (name: string, horizon: number, clips: readonly number[]): ScoreReport => ({
  name,
  better: name === "ssim" ? "higher" : "lower",
  unit: "",
  definition: "",
  perFrame: [0, horizon - 1, horizon + 1],
  horizon,
  all: (2 * horizon) / 3,
  clips,
});

interface Made {
  settings?: Partial<Experiment>;
  /** Horizon MSE, and by how much the clips lie around it. */
  mse?: number;
  clips?: readonly number[];
  ids?: readonly string[];
}

/** A run folder as training and evaluation leave it, without any training. */
export function makeRun(folder: string, { settings = {}, mse, clips = [-2, -1, 1, 2], ids }: Made = {}): string {
  const chosen = experiment("quick", { filters: 2, size: 16, context: 2, horizon: 2, iterations: 4, ...settings });
  mkdirSync(folder, { recursive: true });
  const data = { name: "Moving MNIST (small)", sha256: "", clips: { train: 1e7, validation: 1000, test: 1000 } };
  const config = { settings: chosen, frame: drawnFrame(chosen), backend: "wasm", data, commit: "0123456789abcdef" };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const steps = [1, 2, 3, 4].map((iteration) => ({
    ...{ kind: "step", iteration, loss: 10 / iteration, framesPerSecond: 60 / iteration },
    time: "2026-11-22T10:00:00Z",
  }));
  const events = [...steps, { kind: "done", iteration: 4, peakBytes: 4e6 }];
  writeFileSync(join(folder, "log.jsonl"), events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  if (mse === undefined) return folder;
  const made = (value: number) => [
    reportOf(
      "mse",
      value,
      clips.map((by) => value + by),
    ),
    reportOf(
      "ssim",
      1 / value,
      clips.map((by) => 1 / (value + by)),
    ),
  ];
  const trivial = Object.keys(trivialForecasters).map((name, i) => [name, made(20 + i)] as const);
  const reports = Object.fromEntries([...trivial, [chosen.model, made(mse)]]);
  const names = ids ?? clips.map((_, i) => `test ${i}`);
  addScores(folder, { iteration: 4, split: "test", ids: names, reports });
  return folder;
}
