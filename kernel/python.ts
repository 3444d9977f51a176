import { spawnSync } from "node:child_process";

const CANDIDATES = ["/usr/bin/python3", "python3"];

/**
 * The Python that has the given modules: Debian's first, since another one may come first on PATH and lack Jupyter.
 * MS_RNN_PYTHON names one instead.
 */
export function findPython(modules: readonly string[]): string {
  const named = process.env.MS_RNN_PYTHON;
  const candidates = named ? [named] : CANDIDATES;
  const check = `import sys, importlib.util as u; sys.exit(any(u.find_spec(m) is None for m in sys.argv[1:]))`;
  for (const python of candidates) {
    const { status } = spawnSync(python, ["-c", check, ...modules], { stdio: "ignore" });
    if (status === 0) return python;
  }
  throw new Error(
    `no Python with ${modules.join(", ")} found (tried ${candidates.join(" and ")}): run npm run setup, or set MS_RNN_PYTHON`,
  );
}
