import { spawnSync } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { version as tfjs } from "@tensorflow/tfjs";
import { threads } from "../backend/threads";
import { readJson } from "../files";

/** With what, where and when a run was begun. */
export interface Provenance {
  readonly node: string;
  readonly tfjs: string;
  readonly msRnn: string;
  /** Of this library, with "-dirty" where it was changed since. Absent where it is no git checkout. */
  readonly commit?: string;
  /** Operating system and architecture, as Node.js names them. */
  readonly platform: string;
  /** The processor's model. */
  readonly processor: string;
  /** That the backend computes on. */
  readonly threads: number;
  /** ISO 8601. */
  readonly started: string;
}

/** This file is compiled to dist/train/. */
const root = join(__dirname, "..", "..");

/** What there is to know of this process; the backend is chosen already. */
export function provenance(): Provenance {
  const { version } = readJson(join(root, "package.json"), "package.json of ms-rnn") as { version: string };
  return {
    node: process.version,
    tfjs: tfjs.tfjs,
    msRnn: version,
    commit: commitOf(root),
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? `${availableParallelism()} processors`,
    threads: threads(),
    started: new Date().toISOString(),
  };
}

/** The commit that a folder is a checkout of, with "-dirty" where tracked files differ from it; nothing where git has none. */
export function commitOf(folder: string): string | undefined {
  // Told where, git does not look in the folders above, which are another project's.
  const where = ["--no-optional-locks", `--git-dir=${join(folder, ".git")}`, `--work-tree=${folder}`];
  const what = ["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"];
  const { status, stdout } = spawnSync("git", [...where, ...what], { encoding: "utf8", timeout: 10_000 });
  return status === 0 ? stdout.trim() : undefined;
}
