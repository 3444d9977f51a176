import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import { convLstm } from "#src/cells/convLstm";
import { model } from "#src/models";
import { random } from "#src/random";
import { leaves } from "#src/tree";
import { cellFromReference, cellToReference, fromReference, toReference } from "#src/weights/mapNames";
import { readSafetensors } from "#src/weights/safetensors";

test("names and layouts go both ways without loss, for channels that differ in number", async () => {
  await chooseBackend("cpu");
  const network = model("MS-ConvLSTM", { filters: 3, frame: { height: 8, width: 8, channels: 2 } });
  const params = network.init(4);
  const published = toReference(network, params);
  assert.deepEqual(published.get("rnns.lstm.2._conv_x2h.weight")!.shape, [12, 3, 3, 3]);
  assert.deepEqual(published.get("embed.conv_embed.weight")!.shape, [3, 2, 1, 1]);
  assert.deepEqual(published.get("fc.conv_fc.bias")!.shape, [2]);
  const back = fromReference(network, published);
  const all = (tree: typeof params) => leaves(tree).map(([name, leaf]) => [name, leaf.shape, [...leaf.dataSync()]]);
  assert.deepEqual(all(back), all(params));
  const prefixed = new Map([...published].map(([name, array]) => [`module.${name}`, array]));
  assert.deepEqual(all(fromReference(network, prefixed)), all(params));
});

test("the names are those of the known-answer files, every one", async () => {
  await chooseBackend("cpu");
  for (const name of ["ConvLSTM", "MS-ConvLSTM", "MS-ConvLSTM-UNet3+", "MS-ConvLSTM-WO-Skip", "MS-ConvLSTM-FC"]) {
    const { tensors } = readSafetensors(`test/reference/msrnn/models/${name}.safetensors`);
    const expected = [...tensors.keys()].filter((key) => key.startsWith("param/")).map((key) => key.slice(6));
    const network = model(name, { filters: 4, frame: { height: 16, width: 16, channels: 1 } });
    assert.deepEqual([...toReference(network, network.init(0)).keys()].sort(), expected.sort());
  }
});

test("a missing weight and an unknown cell are named", async () => {
  await chooseBackend("cpu");
  const cell = convLstm({ filters: 2 });
  assert.throws(() => cellFromReference(cell, 2, new Map(), "p."), {
    message: /weight p\._conv_x2h\.weight is missing/,
  });
  assert.throws(() => cellFromReference({ ...cell, name: "GRU" }, 2, new Map()), { message: /known for the cell GRU/ });
  const published = cellToReference(cell, cell.init(random(1), 2));
  assert.throws(() => cellFromReference(convLstm({ filters: 3 }), 3, published), {
    message: /_conv_x2h\.weight \[8,2,3,3\] and _conv_h2h\.weight \[8,2,3,3\]: does not fit our kernel \[3,3,6,12\]/,
  });
});
