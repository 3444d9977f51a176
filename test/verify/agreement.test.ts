import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { modelNames } from "#src/models";
import { agreementOf, readAgreement, recordAgreement } from "#src/verify/agreement";

const folder = mkdtempSync(join(tmpdir(), "agreement-"));
after(() => rmSync(folder, { recursive: true }));

test("what agrees is written down by backend; what was not asked for stays", () => {
  const path = join(folder, "agreement.json");
  assert.deepEqual(readAgreement(path), {});
  const result = (name: string, passed: boolean) => ({ file: `models/${name}.safetensors`, passed, line: "" });
  recordAgreement("cpu", [result("MIM", true), result("ConvLSTM", true), result("nothing", true)], "2026-01-01", path);
  recordAgreement(
    "cpu",
    [result("MIM", false), { file: "cells/MIM.safetensors", passed: true, line: "" }],
    "2026-01-02",
    path,
  );
  recordAgreement("wasm", [result("MIM", true)], "2026-01-03", path);
  const found = readAgreement(path);
  assert.deepEqual(found.cpu, { date: "2026-01-02", agree: ["ConvLSTM"], disagree: ["MIM"] });
  assert.deepEqual(agreementOf("MIM", found), { agrees: ["wasm"], disagrees: ["cpu"] });
  assert.deepEqual(agreementOf("TrajGRU", found), { agrees: [], disagrees: [] });
});

test("the repository's list knows networks of the registry alone, and none that disagree", () => {
  const found = readAgreement();
  assert.ok(Object.keys(found).includes("onednn"));
  for (const { agree, disagree } of Object.values(found)) {
    assert.deepEqual(disagree, []);
    for (const name of agree) assert.ok(modelNames().includes(name), name);
  }
});
