import assert from "node:assert/strict";
import { test } from "node:test";
import { parameters } from "#src/parameters";

const defaults = { profile: "auto", seed: 1, quick: false };

test("defaults, overridden by name", () => {
  assert.deepEqual(parameters(defaults, "{}"), defaults);
  assert.deepEqual(parameters(defaults, '{"seed":5,"quick":true}'), { profile: "auto", seed: 5, quick: true });
});

test("the environment variable is read when nothing is given", () => {
  process.env.MS_RNN_PARAMETERS = '{"seed":7}';
  assert.equal(parameters(defaults).seed, 7);
  delete process.env.MS_RNN_PARAMETERS;
  assert.equal(parameters(defaults).seed, 1);
});

test("unknown names, other types and what is no object are refused", () => {
  const refuse = (text: string, message: RegExp) =>
    assert.throws(() => parameters(defaults, text), { name: "UsageError", message });
  refuse('{"sead":5}', /unknown parameter: sead; expected one of profile, seed, quick/);
  refuse('{"toString":"x"}', /unknown parameter: toString/);
  refuse('{"seed":"5"}', /parameter seed is "5", expected a number/);
  for (const text of ["[1]", "null", "5", "{", ""]) refuse(text, /expected a JSON object/);
});
