import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { TestContext } from "node:test";

/** A file or folder of the real samples, which are not part of this repository; the test is skipped where they are absent. */
export function sample(t: TestContext, path: string): string | undefined {
  const found = resolve(process.env.MS_RNN_SHARED ?? "../shared", "data", path);
  if (existsSync(found)) return found;
  t.skip(`no real sample data/${path}: set MS_RNN_SHARED`);
  return undefined;
}
