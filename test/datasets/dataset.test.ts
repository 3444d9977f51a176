import assert from "node:assert/strict";
import { test } from "node:test";
import { type Batch, type ClipsOptions, clips, type Dataset, type Split } from "#src/datasets/dataset";
import { permutation } from "#src/datasets/permutation";
import { requireFinite } from "#src/datasets/requireFinite";
import { sliceTime } from "#src/datasets/sliceTime";
import type { Sequences } from "#src/types";

/** Clips of one pixel whose value is their index. */
const numbers = (size: number, broken = -1): Dataset => ({
  name: "numbers",
  frame: { height: 1, width: 1, channels: 1, unit: "1", range: [0, 1] },
  time: 2,
  source: { url: "", licence: "", how: "made" },
  citation: { key: "", title: "", authors: "", year: 0, checked: "no" },
  size: () => size,
  id: (split, index) => `${split} ${index}`,
  sequences: async (_, indices) => ({
    data: Float32Array.from(indices.flatMap((index) => [index, index === broken ? Number.NaN : index])),
    shape: [indices.length, 2, 1, 1, 1],
  }),
});

async function collect(dataset: Dataset, split: Split, options: ClipsOptions, most = 100): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of clips(dataset, split, options)) if (batches.push(batch) === most) break;
  return batches;
}
const indices = (batches: Batch[]) => batches.flatMap((batch) => batch.indices);

test("a test split is served once, in order, the last batch smaller", async () => {
  const batches = await collect(numbers(7), "test", { batch: 3 });
  assert.deepEqual(
    batches.map((batch) => batch.indices),
    [[0, 1, 2], [3, 4, 5], [6]],
  );
  assert.deepEqual(batches[2].ids, ["test 6"]);
  assert.deepEqual(batches[2].data, { data: Float32Array.of(6, 6), shape: [1, 2, 1, 1, 1] });
  assert.deepEqual(indices(await collect(numbers(7), "test", { batch: 3, take: 4 })), [0, 1, 2, 3]);
  assert.deepEqual(indices(await collect(numbers(2), "test", { batch: 3, epochs: 2 })), [0, 1, 0, 1]);
});

test("training goes on for ever: full batches, every clip once an epoch, another order each epoch and seed", async () => {
  const batches = await collect(numbers(10), "train", { batch: 4, seed: 1 }, 10);
  const order = indices(batches);
  assert.equal(order.length, 40);
  const epochs = [0, 1, 2, 3].map((epoch) => order.slice(epoch * 10, epoch * 10 + 10));
  for (const epoch of epochs) assert.deepEqual([...epoch].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(new Set(epochs.map(String)).size, 4);
  assert.deepEqual(
    batches.map((batch) => batch.epoch),
    [0, 0, 0, 1, 1, 2, 2, 2, 3, 3],
  );
  assert.deepEqual(indices(await collect(numbers(10), "train", { batch: 4, seed: 1 }, 10)), order);
  assert.notDeepEqual(indices(await collect(numbers(10), "train", { batch: 4, seed: 2 }, 10)), order);
  assert.deepEqual(
    indices(await collect(numbers(10), "train", { batch: 4, seed: 1, shuffle: false }, 3)).slice(8),
    [8, 9, 0, 1],
  );
});

test("starting at any batch continues the same list, in mid-epoch and far out", async () => {
  const whole = await collect(numbers(10), "train", { batch: 3, seed: 5 }, 20);
  for (const from of [1, 3, 4, 13]) {
    const rest = await collect(numbers(10), "train", { batch: 3, seed: 5, from }, 20 - from);
    assert.deepEqual(rest, whole.slice(from));
    assert.equal(rest[0].iteration, from);
  }
  assert.equal((await collect(numbers(10), "test", { batch: 3, from: 4 })).length, 0);
  assert.equal((await collect(numbers(10), "train", { batch: 3, from: 1e9 }, 1)).length, 1);
});

test("a seed means the same order for ever", () => {
  const order = (size: number) => Array.from({ length: 6 }, (_, place) => permutation(size, 0, 0)(place));
  assert.deepEqual(order(10), [1, 5, 0, 9, 6, 8]);
  assert.deepEqual(order(10_000_000), [3325211, 4135207, 5808057, 7271887, 3929874, 4293604]);
});

test("a permutation is one, also where it is computed", () => {
  const size = (1 << 20) + 77;
  const order = permutation(size, 3);
  const seen = new Uint8Array(size);
  let ups = 0;
  for (let place = 0, before = -1; place < size; place++) {
    const index = order(place);
    seen[index]++;
    if (index > before) ups++;
    before = index;
  }
  assert.ok(seen.every((times) => times === 1));
  assert.ok(Math.abs(ups / size - 0.5) < 0.002, `${ups / size} of the steps go up`);
  const small = permutation(1000, 3);
  assert.equal(new Set(Array.from({ length: 1000 }, (_, place) => small(place))).size, 1000);
});

test("bad numbers and bad values are named", async () => {
  const fails = (options: ClipsOptions, message: RegExp, dataset = numbers(5)) =>
    assert.rejects(collect(dataset, "test", options), (error: Error) => {
      assert.match(error.message, message);
      return error.name === "UserError";
    });
  await fails({ batch: 0 }, /^batch: expected a whole number from 1 on, got 0$/);
  await fails({ batch: 1.5 }, /got 1\.5/);
  await fails({ batch: 1, from: -1 }, /^from: /);
  await fails({ batch: 1, epochs: 0 }, /^epochs: /);
  await fails({ batch: 1, take: 0 }, /^take: /);
  await fails({ batch: 1 }, /expected at least one clip in test, got none/, numbers(0));
  await fails({ batch: 2 }, /^numbers: expected finite values, got NaN at clip test 3, frame 1, row 0/, numbers(5, 3));
});

test("requireFinite names clip, frame, row, column and channel of the first bad value", () => {
  const shape = [2, 3, 4, 5, 2] as const;
  const data = new Float32Array(240);
  assert.equal(requireFinite({ data, shape }, "rain").data, data);
  // ((((1·3 + 2)·4 + 3)·5 + 1)·2 + 1
  data[233] = -Infinity;
  assert.throws(() => requireFinite({ data, shape }, "rain"), {
    name: "UserError",
    message: "rain: expected finite values, got -Infinity at clip 1, frame 2, row 3, column 1, channel 1",
  });
  data[5] = Number.NaN;
  assert.throws(
    () => requireFinite({ data, shape }, "rain", ["a", "b"]),
    /got NaN at clip a, frame 0, row 0, column 2/,
  );
});

test("sliceTime copies frames of every clip", () => {
  const clip: Sequences = { data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), shape: [2, 4, 1, 1, 1] };
  assert.deepEqual(sliceTime(clip, 1, 3), { data: Float32Array.of(2, 3, 6, 7), shape: [2, 2, 1, 1, 1] });
  assert.deepEqual(sliceTime(clip, 3).data, Float32Array.of(4, 8));
  assert.throws(() => sliceTime(clip, 2, 5), /frames 2 to 5: expected a part of the clip's 0 to 4/);
});
