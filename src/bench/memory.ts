import { readFileSync, writeFileSync } from "node:fs";

/** Forgets how much memory a process had resident so far. False where the system cannot: then its peak is that of its life. */
export function resetPeak(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    return true;
  } catch {
    return false;
  }
}

/** Most memory a process had resident since `resetPeak`, bytes; nothing where the system does not tell. */
export function peakOf(pid: number): number | undefined {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
