import { existsSync } from "node:fs";
import { join } from "node:path";
import { readJson, writeAtomic } from "../files";
import { modelNames } from "../models";
import type { FileResult } from "./index";

/** What `verify` found out about one backend, and when. */
export interface BackendAgreement {
  /** YYYY-MM-DD */
  readonly date: string;
  /** Networks of which every known answer agreed within its tolerance. */
  readonly agree: readonly string[];
  readonly disagree: readonly string[];
}

/** By backend. */
export type Agreement = Readonly<Record<string, BackendAgreement>>;

/** Where the repository keeps what was found out. */
export const agreementPath = join(__dirname, "..", "..", "data", "agreement.json");

/** What is known of the agreement of our networks with the reference. Nothing where the file is missing. */
export const readAgreement = (path = agreementPath): Agreement =>
  existsSync(path) ? (readJson(path, "agreement with the reference") as Agreement) : {};

/** Writes down which networks agreed, those of other backends and those that were not asked for kept as they were. */
export function recordAgreement(
  backend: string,
  results: readonly FileResult[],
  date: string,
  path = agreementPath,
): void {
  const known = readAgreement(path);
  const seen = new Map<string, boolean>();
  for (const { file, passed } of results) {
    const name = /(?:^|[/\\])models[/\\]([^/\\]+)\.safetensors$/.exec(file)?.[1];
    if (name !== undefined && modelNames().includes(name)) seen.set(name, passed && seen.get(name) !== false);
  }
  const { agree = [], disagree = [] } = known[backend] ?? {};
  const others = (names: readonly string[]) => names.filter((name) => !seen.has(name));
  const now = (wanted: boolean) => [...seen].filter(([, passed]) => passed === wanted).map(([name]) => name);
  const inOrder = (names: string[]) => modelNames().filter((name) => names.includes(name));
  const next: BackendAgreement = {
    date,
    agree: inOrder([...others(agree), ...now(true)]),
    disagree: inOrder([...others(disagree), ...now(false)]),
  };
  writeAtomic(path, `${JSON.stringify({ ...known, [backend]: next }, null, 2)}\n`);
}

/** The backends on which a network agrees with the reference, and those on which it does not. */
export function agreementOf(name: string, agreement: Agreement): { agrees: string[]; disagrees: string[] } {
  const where = (list: "agree" | "disagree") =>
    Object.entries(agreement)
      .filter(([, found]) => found[list].includes(name))
      .map(([backend]) => backend);
  return { agrees: where("agree"), disagrees: where("disagree") };
}
