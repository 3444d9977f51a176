import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeAtomic } from "../../files";

/** A file in the folder of every stand-in, so that nobody takes it for the real data. */
const noteName = "STAND-IN.txt";

/** Marks a folder as a stand-in, saying in one line what it stands in for. */
export const markStandIn = (folder: string, text: string): void => writeAtomic(join(folder, noteName), `${text}\n`);

/** Whether the files of a folder are simulated. */
export const isStandIn = (folder: string): boolean => existsSync(join(folder, noteName));
