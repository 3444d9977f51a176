import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { backendNames, chooseBackend } from "#src/backend/choose";

test("without a wish the fastest that is there is taken, and the line says so", async () => {
  const saved = process.env.MS_RNN_BACKEND;
  delete process.env.MS_RNN_BACKEND;
  const { name, line } = await chooseBackend();
  assert.equal(tf.getBackend(), name);
  assert.ok(backendNames().includes(name));
  assert.ok(backendNames().indexOf(name) <= backendNames().indexOf("wasm"), line);
  assert.match(line, new RegExp(`^backend: ${name} `));
  process.env.MS_RNN_BACKEND = "cpu";
  assert.equal((await chooseBackend()).name, "cpu");
  assert.equal(tf.getBackend(), "cpu");
  assert.equal((await chooseBackend("wasm")).name, "wasm");
  assert.equal(tf.getBackend(), "wasm");
  if (saved === undefined) delete process.env.MS_RNN_BACKEND;
  else process.env.MS_RNN_BACKEND = saved;
});

test("an unknown backend is a wrong call; one that is not there is never replaced by another", async () => {
  await assert.rejects(chooseBackend("quantum"), {
    name: "UsageError",
    message: /unknown backend: quantum; expected one of/,
  });
  const there = (() => {
    try {
      require.resolve("@tensorflow/tfjs-node-gpu");
      return true;
    } catch {
      return false;
    }
  })();
  if (!there) await assert.rejects(chooseBackend("tensorflow"), { name: "UserError", message: /not installed/ });
});
