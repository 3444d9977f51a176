import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { prefetch } from "#src/datasets/prefetch";

test("items come in order, from anywhere; none where there is none", async () => {
  const made: number[] = [];
  const make = async (index: number) => {
    made.push(index);
    return index * 10;
  };
  const got: number[] = [];
  for await (const item of prefetch(3, 6, make)) got.push(item);
  assert.deepEqual(
    [got, made],
    [
      [30, 40, 50],
      [3, 4, 5],
    ],
  );
  for await (const _ of prefetch(6, 6, make)) assert.fail("there is no item");
});

test("the next item is made while the caller waits, and only that one", async () => {
  const events: string[] = [];
  const make = async (index: number) => {
    events.push(`begin ${index}`);
    await setTimeout(20);
    events.push(`end ${index}`);
    return index;
  };
  for await (const item of prefetch(0, Infinity, make)) {
    events.push(`use ${item}`);
    await setTimeout(60);
    events.push(`used ${item}`);
    if (item === 1) break;
  }
  await setTimeout(40);
  assert.deepEqual(events, [
    ...["begin 0", "end 0", "use 0", "begin 1", "end 1", "used 0"],
    ...["use 1", "begin 2", "end 2", "used 1"],
  ]);
});

test("an item that cannot be made is an error when its turn comes, and none where nobody asks for it", async () => {
  const make = async (index: number) => {
    if (index === 1) throw new Error("no item 1");
    return index;
  };
  const items = prefetch(0, 3, make);
  assert.deepEqual(await items.next(), { value: 0, done: false });
  await setTimeout(5);
  await assert.rejects(items.next(), /no item 1/);
  for await (const item of prefetch(0, 3, make)) if (item === 0) break;
  await setTimeout(5);
});
