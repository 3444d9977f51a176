import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ownJupyterPath, userJupyterData } from "./paths.js";
import { KERNEL_NAME, kernelSpec } from "./spec.js";
import { writeWhole } from "./write.js";

export interface InstallOptions {
  /** Writes below `<prefix>/share/jupyter`. Default: the user's Jupyter data directory. */
  prefix?: string;
}

export interface Installed {
  path: string;
  changed: boolean;
}

/** Writes kernel.json, unless the same one is there already. */
export function installKernel({ prefix }: InstallOptions = {}): Installed {
  return writeSpec(prefix === undefined ? userJupyterData() : join(resolve(prefix), "share", "jupyter"));
}

/** Writes the specification that `runNotebook` and `npm run notebook` put before all others. */
export function installOwnKernel(): Installed {
  return writeSpec(ownJupyterPath);
}

function writeSpec(data: string): Installed {
  const folder = join(data, "kernels", KERNEL_NAME);
  const path = join(folder, "kernel.json");
  const text = `${JSON.stringify(kernelSpec(), null, 2)}\n`;
  if (readOrEmpty(path) === text) return { path, changed: false };
  try {
    writeWhole(path, text);
  } catch (error) {
    throw new Error(`cannot write the kernel specification ${path}: ${(error as Error).message}`);
  }
  return { path, changed: true };
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

if (require.main === module) {
  try {
    const { values } = parseArgs({ options: { prefix: { type: "string" } } });
    const { path, changed } = installKernel(values);
    console.log(`kernel specification ${changed ? "written" : "unchanged"}: ${path}`);
  } catch (error) {
    console.error(`ms-rnn: ${(error as Error).message}`);
    process.exit(1);
  }
}
