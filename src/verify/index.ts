import { readdirSync, statSync } from "node:fs";
import { join, relative as relativePath } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { readJson } from "../files";
import { UserError } from "../types";
import { readSafetensors } from "../weights/safetensors";
import { verifyCell } from "./cell";
import { type Finding, failed } from "./compare";
import {
  isExpectedScores,
  isRainRates,
  isTrajectories,
  verifyBalancing,
  verifyMovingFrames,
  verifyRainRates,
  verifyScores,
  verifyTrajectories,
} from "./data";
import type { KnownAnswers } from "./layout";
import { verifyNetwork } from "./network";
import { verifyOp } from "./op";
import { isSchedules, verifySchedules, verifyTraining } from "./training";

/** What became of one known-answer file. */
export interface FileResult {
  /** Below the folder that was asked for. */
  readonly file: string;
  readonly passed: boolean;
  /** One line: how many comparisons, the closest to its limit; or what is wrong. */
  readonly line: string;
}

/** File endings that hold known answers; other files in the folder are for people. */
const ENDINGS = [".safetensors", ".json", ".npz"];

/**
 * Checks every known-answer file under a folder on the current backend, in order of their names. A file that is not
 * understood, or speaks of something that is not built, counts as failed. Errors: no such folder, no such file in it.
 */
export async function* verify(folder: string): AsyncGenerator<FileResult, void, void> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`known answers: expected a folder at ${folder}`);
  }
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ENDINGS.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.path, entry.name))
    .sort();
  if (files.length === 0) throw new UserError(`no known-answer file (${ENDINGS.join(", ")}) under ${folder}`);
  for (const path of files) {
    const file = relativePath(folder, path);
    // The checks read results at once and keep nothing.
    tf.engine().startScope();
    try {
      const findings = await check(path);
      const worst = findings.reduce((a, b) => (closeness(b) > closeness(a) ? b : a));
      const bad = findings.filter(failed);
      const detail = `${worst.what} off by ${worst.error.toExponential(1)}, allowed ${worst.allowed.toExponential(1)}`;
      const line = bad.length === 0 ? `${findings.length} comparisons; closest to its limit: ${detail}` : wrong(bad);
      yield { file, passed: bad.length === 0, line };
    } catch (error) {
      yield { file, passed: false, line: (error as Error).message.split("\n")[0] };
    } finally {
      tf.engine().endScope();
    }
  }
}

const closeness = ({ error, allowed }: Finding) => (error === 0 ? 0 : error / allowed);

function wrong(bad: readonly Finding[]): string {
  const described = bad
    .slice(0, 3)
    .map(({ what, error, allowed }) =>
      allowed === 0 && error === 1
        ? what
        : `${what} off by ${error.toExponential(1)}, allowed ${allowed.toExponential(1)}`,
    );
  return `${bad.length} wrong: ${described.join("; ")}${bad.length > 3 ? "; ..." : ""}`;
}

async function check(path: string): Promise<readonly Finding[]> {
  const findings = path.endsWith(".safetensors")
    ? await checkArrays(path)
    : path.endsWith(".json")
      ? checkJson(path)
      : [];
  if (findings.length === 0) throw new UserError("not understood: no known kind of known-answer file");
  return findings;
}

async function checkArrays(path: string): Promise<readonly Finding[]> {
  const file = readSafetensors(path);
  const known: KnownAnswers = { ...file, settings: JSON.parse(file.metadata.json ?? "{}") };
  const has = (prefix: string) => [...known.tensors.keys()].some((name) => name.startsWith(prefix));
  if (known.settings.op) return verifyOp(known);
  if (has("param0/")) return verifyTraining(known);
  if (known.settings.model && has("input")) return verifyNetwork(known);
  if (known.settings.cell) return verifyCell(known);
  if (has("digits")) return verifyMovingFrames(known, path);
  if ([...known.tensors.keys()].some((name) => name.endsWith("/truth"))) return verifyBalancing(known, path);
  return [];
}

function checkJson(path: string): readonly Finding[] {
  const value = readJson(path, "known answers");
  if (isSchedules(value)) return verifySchedules(value);
  if (isTrajectories(value)) return verifyTrajectories(value);
  if (isExpectedScores(value)) return verifyScores(value, path);
  if (isRainRates(value)) return verifyRainRates(value);
  return [];
}
