import { spawnSync } from "node:child_process";

/** Whether videos can be decoded here; tests that need it are skipped where it is not installed. */
export const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0;
