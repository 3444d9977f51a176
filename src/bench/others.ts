import { readFileSync } from "node:fs";
import { cpus } from "node:os";

/** Clock ticks of /proc a second. */
const TICKS = 100;

/** Seconds of processor time that a process has used, without its children; nothing where the system does not tell. */
function usedBy(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in brackets, may hold anything; user and system time are the 12th and 13th fields behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}

const usedByAll = (): number =>
  cpus().reduce((sum, { times }) => sum + (times.user + times.nice + times.sys + times.irq) / 1000, 0);

/**
 * Starts to watch how much of the machine other processes use. The result tells the cores they used on average since then.
 *
 * @param ours processes that run all the while and are not counted, beside this one
 */
export function watchOthers(ours: readonly number[]): () => number {
  const used = () => {
    const { user, system } = process.cpuUsage();
    return usedByAll() - (user + system) / 1e6 - ours.reduce((sum, pid) => sum + usedBy(pid), 0);
  };
  const started = performance.now();
  const before = used();
  return () => Math.max(0, ((used() - before) * 1000) / (performance.now() - started));
}

/** One line where others used so much that the numbers are not those of a quiet machine. */
export const complaint = (cores: number): string | undefined =>
  cores < 0.1
    ? undefined
    : `other processes used ${cores.toFixed(2)} cores meanwhile: these numbers are not those of a quiet machine`;
