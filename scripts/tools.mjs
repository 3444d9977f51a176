// What the scripts share. Plain Node without packages.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Paths of the files below a folder whose names match. */
export function filesBelow(folder, name) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** Runs a program to its end; its output is text. */
export function run(command, args, options = {}) {
  const stdio = ["ignore", "pipe", "pipe"];
  return spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28, stdio, ...options });
}

/** Path of a program on PATH, where there is one. */
export function which(command) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, command);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

export function lastLine(text) {
  return (text ?? "").trim().split("\n").at(-1);
}

/** Runs a script's main function; a failure is one message and exit status 1, or the error's own status. */
export async function main(work) {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    console.error(`ms-rnn: ${error.message}`);
    process.exitCode = error.exitCode ?? 1;
  }
}

/** True in the file that node was asked to run. */
export function isMain(url) {
  return process.argv[1] !== undefined && url === pathToFileURL(process.argv[1]).href;
}
