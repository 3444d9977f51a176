import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseBackend } from "#src/backend/choose";
import { decodePicture } from "#src/display/canvas";
import { diagram } from "#src/display/diagram";
import { bundleOf } from "#src/display/show";
import { model } from "#src/models";
import {
  chain,
  multiScale,
  multiScaleFullyConnected,
  multiScaleUNet3Plus,
  multiScaleWithoutSkip,
  pyramid,
  type Wiring,
} from "#src/wiring";

test("the text names every layer, its scale and its edges", async () => {
  assert.equal(
    diagram(multiScaleUNet3Plus, { title: "UNet3+" }).text,
    [
      "UNet3+: 6 layers at 3 scales",
      "layer 0  full size  <- the embedded frame",
      "layer 1  1/2 size  <- 0 (down 2)",
      "layer 2  1/4 size  <- 1 (down 2)",
      "layer 3  1/4 size  <- 2 + 0 (down 4) + 1 (down 2)",
      "layer 4  1/2 size  <- 3 (up 2) + 0 (down 2) + 1",
      "layer 5  full size  <- 4 (up 2) + 0 + 3 (up 4)",
      "forecast <- 5",
      "smaller by max pooling, larger by bilinear up-sampling; edges that meet are added up",
    ].join("\n"),
  );
  await chooseBackend("cpu");
  const network = diagram(model("MS-PredRNN", { filters: 8, frame: { height: 32, width: 64, channels: 1 } })).text;
  assert.match(network, /^MS-PredRNN: 6 layers at 3 scales\n/);
  assert.match(network, /layer 4 {2}1\/2 size {2}PredRNN {2}16x32x8 {2}<- 3 \(up 2\) \+ 1\n/);
  assert.match(network, /the memory m goes from layer 0 to layer 5/);
  assert.match(
    diagram({ ...multiScale, down: "average", join: "concat" }).text,
    /average pooling.*joined channel by channel$/,
  );
});

test("every wiring is drawn, with a line into each of its edges' ends, and nothing at the border", async () => {
  const wirings: Wiring[] = [
    chain(1),
    chain(6),
    multiScale,
    multiScaleWithoutSkip,
    multiScaleUNet3Plus,
    multiScaleFullyConnected,
    pyramid([1, 2, 1]),
    pyramid([1, 2, 4, 8, 8, 4, 2, 1]),
  ];
  const sizes = new Set<string>();
  for (const wiring of wirings) {
    const { png, width, height } = diagram(wiring, { scale: 1 });
    const { data, width: across, height: down } = await decodePicture(png);
    assert.deepEqual([across, down], [Math.ceil(width), Math.ceil(height)]);
    sizes.add(png.toString("base64"));
    const dark = (x: number, y: number) => data[4 * (y * across + x)] < 250;
    for (let x = 0; x < across; x++) assert.ok(!dark(x, 0) && !dark(x, down - 1), `${x} of ${across}`);
    for (let y = 0; y < down; y++) assert.ok(!dark(0, y) && !dark(across - 1, y), `${y} of ${down}`);
  }
  assert.equal(sizes.size, wirings.length, "they differ");
});

test("show draws a wiring and a network", async () => {
  await chooseBackend("cpu");
  for (const drawn of [multiScale, model("ConvLSTM", { filters: 4, frame: { height: 8, width: 8, channels: 1 } })]) {
    const bundle = await bundleOf(drawn);
    assert.match(bundle["text/plain"], /6 layers at/);
    assert.ok(Buffer.from(bundle["image/png"], "base64").subarray(1, 4).equals(Buffer.from("PNG")));
  }
  assert.equal((await bundleOf({ scale: 2 }))["image/png"], undefined);
});
