import { type Dirent, readdirSync, statSync } from "node:fs";
import { basename, extname, join, relative, resolve } from "node:path";
import { UserError } from "../types";

/** The files of one folder. */
export interface FolderFiles {
  /** The folder's path below the root, with "/"; the root's own name for the root. */
  readonly name: string;
  readonly paths: readonly string[];
}

const byNumber = new Intl.Collator("en", { numeric: true });

/**
 * The files with such endings in a folder and those below it, by folder, in the order of their names with numbers by value.
 * Errors: no folder, links, which could lead elsewhere.
 */
export function listFiles(root: string, endings: readonly string[]): FolderFiles[] {
  requireFolder(root, "files");
  const isWanted = ({ name }: Dirent) => endings.includes(extname(name).toLowerCase());
  const visit = (folder: string): FolderFiles[] => {
    const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => byNumber.compare(a.name, b.name));
    const link = entries.find((entry) => entry.isSymbolicLink());
    if (link)
      throw new UserError(`${join(folder, link.name)} is a link, expected files and folders that lie in ${root}`);
    const paths = entries.filter((entry) => entry.isFile() && isWanted(entry)).map(({ name }) => join(folder, name));
    const inside = entries.filter((entry) => entry.isDirectory()).flatMap(({ name }) => visit(join(folder, name)));
    const name = relative(root, folder).replaceAll("\\", "/") || basename(resolve(root));
    return paths.length > 0 ? [{ name, paths }, ...inside] : inside;
  };
  return visit(root);
}

/** The same where one is needed at least; `what` names them in the error. */
export function filesBelow(root: string, endings: readonly string[], what: string): FolderFiles[] {
  requireFolder(root, what);
  const found = listFiles(root, endings);
  if (found.length === 0) throw new UserError(`${root}: expected ${what} (${endings.join(", ")}), found none`);
  return found;
}

function requireFolder(path: string, what: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new UserError(`${path}: expected a folder of ${what}`);
}

/** What tells whether a file is still the same: size and time of the last change. */
export function stamp(path: string): [bytes: number, changed: number] {
  const { size, mtimeMs } = statSync(path);
  return [size, mtimeMs];
}
