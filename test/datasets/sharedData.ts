import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** Where a file or folder of real samples would be. */
export const sharedPath = (path: string): string => join(process.env.MS_RNN_SHARED ?? "../shared", "data", path);

/** A file or folder of real samples, which are not ours to ship; where they are not, the test is skipped and says so. */
export function sharedData(t: TestContext, path: string): string | undefined {
  const found = sharedPath(path);
  if (existsSync(found)) return found;
  t.skip(`no shared data ${path}`);
}
