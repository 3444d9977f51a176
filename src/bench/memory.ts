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
export const peakOf = (pid: number): number | undefined => statusOf(pid, "VmHWM");

/** Memory a process has resident now, bytes; nothing where the system does not tell. */
export const residentOf = (pid: number): number | undefined => statusOf(pid, "VmRSS");

function statusOf(pid: number, field: string): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
