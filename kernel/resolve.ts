/**
 * Lets a notebook import the project under its own name. At run time Node resolves a package's own name by itself;
 * tslab's type checker (module resolution Node10) does not, so for it `node_modules/<name>` stands for the root.
 */
import { join, sep } from "node:path";
import * as ts from "@tslab/typescript-for-tslab";

export function resolveOwnName(root: string, name: string): void {
  const alias = join(root, "node_modules", name).split(sep).join("/");
  const target = root.split(sep).join("/");
  const forward = (path: string): string =>
    path === alias || path.startsWith(`${alias}/`) ? target + path.slice(alias.length) : path;
  const { fileExists, directoryExists, readFile, readDirectory, realpath } = ts.sys;
  ts.sys.fileExists = (path) => fileExists(forward(path));
  ts.sys.directoryExists = (path) => directoryExists(forward(path));
  ts.sys.readFile = (path, encoding) => readFile(forward(path), encoding);
  ts.sys.readDirectory = (path, ...rest) => readDirectory(forward(path), ...rest);
  if (realpath) ts.sys.realpath = (path) => realpath(forward(path));
}

/**
 * Keeps the type checker from following changes of files on disk: several at once, such as a rebuild beside an open
 * notebook, make tslab fail at the next cell. A session's types, like its loaded modules, are those of its start.
 */
export function freezeFiles(): void {
  const still = { close: () => {} };
  ts.sys.watchFile = () => still;
  ts.sys.watchDirectory = () => still;
}
