import assert from "node:assert/strict";
import { test } from "node:test";
import { summarize } from "#src/bench/profile";
import { profileTables } from "#src/cli/benchProfile";

/** Two time steps of one layer; then the backward pass, part of which has a place. */
const entries = [
  ["Slice", -1, -1, 1],
  ["Conv2D", 0, 0, 2],
  ["Conv2D", 1, 0, 4],
  ["Sum", 2, -1, 8],
  ["Multiply", -1, -1, 16],
  ["Conv2D", 0, 0, 32],
  ["AdamUpdate", -1, -1, 64],
] as Parameters<typeof summarize>[0][number][];

test("a replay is added up by operation and by layer, forward and backward apart", () => {
  const { byOperation, byLayer } = summarize(entries);
  assert.deepEqual(
    byOperation.map(({ operation }) => operation),
    ["AdamUpdate", "Conv2D", "Multiply", "Sum", "Slice"],
  );
  assert.deepEqual(byOperation[1], {
    operation: "Conv2D",
    seconds: 38,
    forwardSeconds: 6,
    backwardSeconds: 32,
    commands: 3,
  });
  assert.deepEqual(byLayer, [
    { layer: -1, seconds: 89, forwardSeconds: 9, backwardSeconds: 80, commands: 4 },
    { layer: 0, seconds: 38, forwardSeconds: 6, backwardSeconds: 32, commands: 3 },
  ]);
});

test("a profile without a backward pass is all forward", () => {
  const { byLayer } = summarize(entries.slice(0, 3));
  assert.ok(byLayer.every(({ backwardSeconds }) => backwardSeconds === 0));
  assert.deepEqual(summarize([]), { byOperation: [], byLayer: [] });
});

test("the tables name every operation and place", () => {
  const text = profileTables({ workload: "small", model: "MS-ConvLSTM" }, summarize(entries));
  assert.match(text, /^MS-ConvLSTM, small: .*: 127000\.00 ms in 7 commands$/m);
  assert.match(text, /^\| Conv2D +\| 38000\.00 \| 29\.9 % \| +6000\.00 \| +32000\.00 \| +3 \|$/m);
  assert.match(text, /^\| embed, head, elsewhere +\| 89000\.00 /m);
  assert.match(text, /^\| layer 0 +\| 38000\.00 /m);
});
