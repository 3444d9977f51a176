import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import { engine, skip } from "./forms";

describe("Adam's native function", { skip }, () => {
  test("wrong calls throw and do nothing", async () => {
    await chooseBackend("onednn");
    const { native } = engine();
    const [w, g, m, v, r, w2, m2, v2] = Array.from({ length: 8 }, (_, i) => native.allocate(i === 4 ? 2 : 1000));
    const small = native.allocate(1);
    const adam = native.adam as (...all: unknown[]) => void;
    const good = [w, g, m, v, r, w2, m2, v2, 1000, 0.9, 0.999, 1e-8];
    const capacity = /expected|missing|not a|is also|are one/;
    adam(...good);
    for (const [position, value] of [
      [0, small],
      [1, small],
      [2, small],
      [3, small],
      [4, small],
      [5, small],
      [6, small],
      [7, small],
      [5, w],
      [6, w2],
      [7, m2],
      [8, 1e9],
      [8, 2 ** 60],
      [8, Number.NaN],
      [8, 0],
      [8, 1.5],
      [9, "0.9"],
      [1, undefined],
      [1, {}],
    ] as [number, unknown][]) {
      const call = good.map((argument, i) => (i === position ? value : argument));
      assert.throws(() => adam(...call), capacity, `argument ${position}: ${value}`);
    }
    assert.throws(() => adam(...good.slice(0, -1)), /epsilon is missing/);
    for (const buffer of [w, g, m, v, r, w2, m2, v2, small]) native.release(buffer);
    assert.throws(() => adam(...good), /buffer/);
  });
});
