import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePicture, textWidth } from "#src/display/canvas";
import { colourMap } from "#src/display/colour";
import { type ClipLike, difference, frames, gif } from "#src/display/index";
import type { Sequences } from "#src/types";
import { blobs } from "./pictures";

const clip = (time: number, height: number, width: number, channels = 1, batch = 1): Sequences => ({
  data: Float32Array.from({ length: batch * time * height * width * channels }, (_, i) => (i % 7) / 6),
  shape: [batch, time, height, width, channels],
});

/** How many pixels of the picture have exactly this colour. */
async function count(png: Buffer, colour: readonly number[]): Promise<number> {
  const { data } = await decodePicture(png);
  let found = 0;
  for (let i = 0; i < data.length; i += 4) if (colour.every((value, k) => data[i + k] === value)) found++;
  return found;
}

test("frames are magnified by whole numbers without smoothing", async () => {
  const data = Float32Array.from({ length: 64 }, (_, i) => (i === 9 ? 1 : 0.2));
  const value = frames({ forecast: { data, shape: [1, 1, 8, 8, 1] } }, { magnification: 25, colours: "viridis" });
  const map = colourMap("viridis");
  assert.equal(await count(value.png, [...map.subarray(765)]), 625);
  assert.equal(await count(value.png, [...map.subarray(3 * 51, 3 * 51 + 3)]), 63 * 625);
});

test("a tensor is read with dataSync, and the chosen sample is drawn", () => {
  const both = clip(2, 8, 8, 1, 3);
  const third: Sequences = { data: both.data.slice(256), shape: [1, 2, 8, 8, 1] };
  const tensor: ClipLike = { shape: both.shape, dataSync: () => both.data };
  assert.deepEqual(frames({ forecast: tensor }, { sample: 2 }).png, frames({ forecast: third }).png);
  assert.notDeepEqual(frames({ forecast: tensor }, { sample: 0 }).png, frames({ forecast: third }).png);
});

test("values outside [0, 1] are clipped, values that are not finite are magenta and counted", async () => {
  const data = Float32Array.from([-3, 2, Number.NaN, Number.POSITIVE_INFINITY]);
  const value = frames({ forecast: { data, shape: [1, 1, 2, 2, 1] } }, { magnification: 100 });
  assert.match(value.text, /2 pixels are not finite \(magenta\)/);
  assert.equal(await count(value.png, [255, 0, 255]), 20_000);
  assert.ok((await count(value.png, [0, 0, 0])) >= 10_000);
});

test("frames: wrong input is told in one line", () => {
  const good = clip(3, 8, 8);
  const cases: [() => unknown, string][] = [
    [
      () => frames({ truth: clip(4, 8, 8), forecast: good }),
      "forecast has 3 frames of 8 x 8 x 1, but truth has 4 frames of 8 x 8 x 1",
    ],
    [
      () => frames({ truth: clip(3, 8, 8, 3), forecast: { A: good } }),
      "A has 3 frames of 8 x 8 x 1, but truth has 3 frames of 8 x 8 x 3",
    ],
    [() => frames({ context: clip(9, 4, 8), forecast: good }), "context has 4 x 8 x 1, but forecast has 8 x 8 x 1"],
    [() => frames({ forecast: clip(3, 8, 8, 2) }), "forecast has 2 channels; 1 or 3 can be drawn"],
    [
      () => frames({ forecast: { data: good.data, shape: [3, 8, 8, 1] } as never }),
      "forecast: expected [batch, time, height, width, channels], got [3, 8, 8, 1]",
    ],
    [
      () => frames({ forecast: { data: good.data.slice(1), shape: good.shape } }),
      "forecast: 191 values do not fill the shape [1, 3, 8, 8, 1]",
    ],
    [() => frames({ forecast: good }, { sample: 1 }), "forecast has samples 0 to 0, but sample 1 was asked for"],
    [
      () => frames({ forecast: good }, { colours: "jet" as never }),
      "unknown colour map: jet (there are grey, ink, viridis, magma, rain, difference)",
    ],
    [() => frames({ forecast: good }, { magnification: 1.5 }), "magnification: 1.5 is not 1, 2, ..."],
    [() => frames({ forecast: good }, { every: 0 }), "every: 0 is not 1, 2, ..."],
    [() => frames({ forecast: {} }), "no forecast to draw"],
    [() => difference({ forecast: good } as never), "a difference needs the truth"],
    [
      () => difference({ truth: good, forecast: good }, { at: [4] }),
      "the horizon has frames 1 to 3, but frame 4 was asked for",
    ],
    [() => difference({ truth: good, forecast: good }, { limit: 0 }), "limit: 0 is not above 0"],
    [() => gif({ forecast: good }, { fps: 0 }), "fps: 0 is not above 0"],
    [() => gif({ forecast: good }, { difference: true }), "a difference needs the truth"],
  ];
  for (const [call, message] of cases) assert.throws(call, { message });
});

test("difference: errors are in the unit of the data, and the sign is forecast minus truth", () => {
  const flat = (value: number): Sequences => ({ data: new Float32Array(64).fill(value), shape: [1, 1, 8, 8, 1] });
  const spec = { unit: "mm/h", range: [0, 40] as const };
  const value = difference({ truth: flat(0.5), forecast: flat(0.25) }, { spec });
  assert.match(value.text, /t\+1: mean −10\.0, absolute 10\.0 mm\/h/);
  const plain = difference({ truth: flat(0.25), forecast: flat(0.5) });
  assert.match(plain.text, /pixel value \(0–1\); t\+1: mean \+0\.250, absolute 0\.250/);
});

test("difference: an option for the limit makes the colours paler", async () => {
  const flat = (value: number): Sequences => ({ data: new Float32Array(64).fill(value), shape: [1, 1, 8, 8, 1] });
  const clips = { truth: flat(0), forecast: flat(1) };
  const reds = async (limit: number) =>
    count(difference(clips, { limit }).png, [...colourMap("difference").subarray(765)]);
  assert.ok((await reds(1)) > 10_000);
  assert.ok((await reds(4)) < 1000);
});

/** Size, delays (hundredths of a second) and number of frames of a GIF file. */
function readGif(gif: Buffer) {
  assert.equal(gif.toString("latin1", 0, 6), "GIF89a");
  const delays: number[] = [];
  let at = 13 + 3 * 2 ** ((gif[10] & 7) + 1);
  const skip = () => {
    while (gif[at] !== 0) at += gif[at] + 1;
    at++;
  };
  let images = 0;
  while (gif[at] !== 0x3b) {
    if (gif[at] === 0x21) {
      if (gif[at + 1] === 0xf9) delays.push(gif.readUInt16LE(at + 4));
      at += 2;
      skip();
    } else {
      assert.equal(gif[at], 0x2c);
      images++;
      at += 10 + (gif[at + 9] & 0x80 ? 3 * 2 ** ((gif[at + 9] & 7) + 1) : 0) + 1;
      skip();
    }
  }
  return { width: gif.readUInt16LE(6), height: gif.readUInt16LE(8), images, delays };
}

test("gif: one image per frame of context and horizon, at the asked speed, each panel 200 pixels or more", () => {
  const clips = { context: clip(2, 16, 16), truth: clip(3, 16, 16), forecast: clip(3, 16, 16) };
  const value = gif(clips, { fps: 4, pause: 2 });
  const file = readGif(value.gif!);
  assert.equal(file.images, 5);
  assert.deepEqual(file.delays, [25, 25, 25, 25, 200]);
  assert.ok(file.width >= 400 && file.height >= 200);
  assert.equal(readGif(gif(clips, { difference: true }).gif!).width, file.width + 208 + 10);
  assert.match(value.html!, /^<img src="data:image\/gif;base64,R0lGOD/);
});

test("gif: a panel is as wide as its name, and a difference says whose it is", () => {
  const [truth, one] = [clip(2, 16, 16), clip(2, 16, 16)];
  const name = "MS-ConvLSTM kept, 20000 iterations, and more words than a frame is wide";
  const short = readGif(gif({ truth, forecast: { a: one, b: one } }, { difference: true }).gif!);
  const named = gif({ truth, forecast: { a: one, [name]: one } }, { difference: true });
  const label = Math.ceil(textWidth(name, 13, true));
  const difference = Math.ceil(textWidth(`difference, ${name}`, 13, true));
  assert.ok(label > 208);
  assert.equal(readGif(named.gif!).width, short.width + label + difference - 2 * 208);
  assert.match(named.text, new RegExp(`truth \\| a \\| ${name} \\| difference, a \\| difference, ${name};`));
});

test("gif: colour clips and clips with holes are drawn", () => {
  const colour = blobs({ time: 2, size: 16, channels: 3 });
  colour.data[5] = Number.NaN;
  assert.equal(readGif(gif({ truth: colour, forecast: colour }).gif!).images, 2);
  const grey = blobs({ time: 2, size: 16 });
  grey.data.fill(Number.NaN);
  assert.equal(readGif(gif({ forecast: grey }).gif!).images, 2);
});
