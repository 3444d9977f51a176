import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { installOwnKernel } from "#kernel/install";
import { jupyterEnv, projectRoot } from "#kernel/paths";
import { findPython } from "#kernel/python";

function pythonWithSuite(): string | undefined {
  try {
    return findPython(["jupyter_kernel_test"]);
  } catch {
    return undefined;
  }
}

test("the public conformance suite for Jupyter kernels passes", (context) => {
  const python = pythonWithSuite();
  if (python === undefined) return context.skip("needs Debian's python3-jupyter-kernel-test");
  installOwnKernel();
  const script = join(projectRoot, "test", "kernel", "conformance.py");
  const { status, stderr } = spawnSync(python, [script], { encoding: "utf8", env: jupyterEnv(), timeout: 120_000 });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /Ran 12 tests/);
  // Only the pager, a feature of IPython, is not tried.
  assert.match(stderr, /OK \(skipped=1\)/);
});
