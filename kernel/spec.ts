import { join } from "node:path";
import { projectRoot } from "./paths.js";

export const KERNEL_NAME = "ms-rnn";
export const DISPLAY_NAME = "MS-RNN TypeScript";
/** The kernel reaches into tslab's compiled files, which no version promise covers. */
export const TSLAB_VERSION = "1.0.22";

/** Contents of kernel.json. Paths are absolute: Jupyter may start the kernel from anywhere, with any PATH. */
export interface KernelSpec {
  argv: string[];
  display_name: string;
  language: string;
  interrupt_mode: "signal" | "message";
  env: Record<string, string>;
  metadata: Record<string, unknown>;
}

export function kernelSpec(root = projectRoot, node = process.execPath): KernelSpec {
  return {
    argv: [node, join(root, "dist", "kernel", "main.js"), "{connection_file}"],
    display_name: DISPLAY_NAME,
    language: "typescript",
    interrupt_mode: "signal",
    env: {},
    metadata: { debugger: false },
  };
}

/** Stops with one clear line when tslab is missing or is another version. */
export function checkTslab(): void {
  let found: string;
  try {
    found = (require("tslab/package.json") as { version: string }).version;
  } catch {
    throw new Error(`the kernel needs tslab ${TSLAB_VERSION}, which is not installed in ${projectRoot}: run npm ci`);
  }
  if (found !== TSLAB_VERSION) {
    throw new Error(`the kernel needs tslab ${TSLAB_VERSION} exactly, but ${found} is installed: run npm ci`);
  }
}
