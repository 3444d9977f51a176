import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Dataset, Split } from "#src/datasets/dataset";
import { fingerprint } from "#src/datasets/fingerprint";
import { type MovingMnistOptions, movingMnist } from "#src/datasets/movingMnist";

const mnist = (options: MovingMnistOptions = {}) => fingerprint(movingMnist({ frames: 3, ...options }));

/** Clips of one value each, of `values`; remembers which were asked for. */
function constant(values: Partial<Record<Split, number[]>>, changes: Partial<Dataset> = {}) {
  const asked: string[] = [];
  const dataset: Dataset = {
    name: "constant",
    frame: { height: 1, width: 2, channels: 1, unit: "m", range: [0, 1] },
    time: 1,
    source: { url: "", licence: "", how: "" },
    citation: { key: "", title: "", authors: "", year: 2000, checked: "no" },
    size: (split) => values[split]?.length ?? 0,
    id: (split, index) => `${split} ${index}`,
    async sequences(split, indices) {
      asked.push(`${split} ${indices}`);
      return { data: Float32Array.from(indices.flatMap((i) => [values[split]![i], 0])), shape: [1, 1, 1, 2, 1] };
    },
    ...changes,
  };
  return { dataset, asked };
}

test("Moving MNIST has one fingerprint; every setting that changes clips changes it", async () => {
  const all = [await mnist()];
  assert.match(all[0], /^[0-9a-f]{64}$/);
  assert.equal(await mnist(), all[0]);
  for (const options of [
    { size: 40 },
    { frames: 4 },
    { count: 1 },
    { seed: 1 },
    { shift: true },
    { profile: "paper" } as const,
  ])
    all.push(await mnist(options));
  all.push(await mnist({ clips: { test: 999 } }));
  assert.equal(new Set(all).size, all.length);
});

test("first, middle, last and a few drawn clips of each split count; so do their ids and what the values mean", async () => {
  const values = { train: Array.from({ length: 100 }, (_, i) => i / 100), test: [0.5] };
  const { dataset, asked } = constant(values);
  const base = await fingerprint(dataset);
  const train = asked.filter((name) => name.startsWith("train"));
  for (const index of [0, 50, 99]) assert.ok(train.includes(`train ${index}`), `${index}`);
  assert.ok(train.length > 5 && train.length <= 7, `${train}`);
  assert.equal(asked.length, train.length + 1);
  for (const name of asked) {
    const [split, index] = name.split(" ");
    const changed = {
      ...values,
      [split]: values[split as "train" | "test"].map((value, i) => (i === Number(index) ? 0.33 : value)),
    };
    assert.notEqual(await fingerprint(constant(changed).dataset), base, name);
  }
  const { frame, time } = dataset;
  const changes: Partial<Dataset>[] = [
    { name: "other" },
    { frame: { ...frame, range: [0, 2] } },
    { time: time + 1 },
    { id: (split, index) => `${split}-${index}` },
  ];
  for (const change of changes) assert.notEqual(await fingerprint(constant(values, change).dataset), base);
});

test("the hash is over what its documentation says, byte by byte", async () => {
  const hash = createHash("sha256");
  hash.update('["constant",[1,2,1,"m",[0,1]],1,[["train",0],["validation",0],["test",1]]]');
  hash.update('["test",0,"test 0",[1,1,1,2,1]]').update(Buffer.from("0000003f00000000", "hex"));
  assert.equal(await fingerprint(constant({ test: [0.5] }).dataset), hash.digest("hex"));
});
