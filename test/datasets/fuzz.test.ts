import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { type Hdf5Content, Hdf5File, writeHdf5 } from "#src/datasets/formats/hdf5";
import { readIdx } from "#src/datasets/formats/idx";
import { readImage } from "#src/datasets/formats/image";
import { encodeNpy, openNpy, readNpy } from "#src/datasets/formats/npy";
import { npzEntries, readNpz, writeNpz } from "#src/datasets/formats/npz";
import { readRadolan } from "#src/datasets/formats/radolan";
import { encodeVideo, videoFrames } from "#src/datasets/formats/video";
import { blank } from "#src/display/canvas";
import { random } from "#src/random";
import { UserError } from "#src/types";
import { readPth } from "#src/weights/pth";
import { readSafetensors, writeSafetensors } from "#src/weights/safetensors";
import { fuzz, mutated, type Reader } from "./fuzz";
import { hasFfmpeg } from "./hasFfmpeg";
import { radolanFile } from "./radolanFile";
import { sharedPath } from "./sharedData";

/** Files a reader; of HDF5 and videos a tenth unless told, as each costs a new thread or process. */
const COUNT = Number(process.env.MS_RNN_FUZZ ?? 300);
const FEW = process.env.MS_RNN_FUZZ ? COUNT : COUNT / 10;

const folder = mkdtempSync(join(tmpdir(), "fuzzed-"));
after(() => rmSync(folder, { recursive: true }));

/** The bytes that `write` writes to a path. */
function written(write: (path: string) => void): Uint8Array {
  const path = join(folder, "made");
  write(path);
  return readFileSync(path);
}

/** Real files, where they are. */
const real = (...names: string[]): Uint8Array[] =>
  names
    .map(sharedPath)
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path));

const idx = Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]);
const floats = { shape: [4, 3, 2], data: Float32Array.from({ length: 24 }, (_, i) => i) };
const arrays = [
  floats,
  { shape: [5], data: Uint16Array.of(1, 2, 3, 4, 5) },
  { shape: [], data: BigInt64Array.of(-7n) },
];
const npys = arrays.map(encodeNpy);

function picture(type: string): Uint8Array {
  const { canvas, context } = blank(24, 16);
  context.fillStyle = "#3050a0";
  context.fillRect(3, 2, 9, 11);
  return canvas.toBuffer(type as "image/png");
}

/** 2 x 2 pixels of 24 bits. */
function bitmap(): Uint8Array {
  const bytes = Buffer.alloc(54 + 16, 200);
  bytes.fill(0, 0, 54).write("BM");
  for (const [at, value] of [
    [2, 70],
    [10, 54],
    [14, 40],
    [18, 2],
    [22, 2],
    [34, 16],
  ])
    bytes.writeUInt32LE(value, at);
  for (const [at, value] of [
    [26, 1],
    [28, 24],
  ])
    bytes.writeUInt16LE(value, at);
  return bytes;
}

const radolan = radolanFile("RY", [
  [7, 0x1000 + 8, 0x29c4],
  [0x4000 + 9, 0x8000 + 10, 4095],
]);

/** One tensor of two numbers, as PyTorch writes it. */
const pickle =
  "\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu" +
  "J\x02\0\0\0tQJ\0\0\0\0(J\x02\0\0\0t(J\x01\0\0\0t\x89ccollections\nOrderedDict\n)RtRs.";
const pth = zipSync({ "a/data.pkl": Buffer.from(pickle, "latin1"), "a/data/0": new Uint8Array(8) }, { level: 0 });

/** Everything of an HDF5 file, groups within groups too. */
async function readAll(path: string): Promise<void> {
  // So that a file in which the library never ends is within the limit.
  const file = await Hdf5File.open(path, { seconds: 1 });
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      // What the file has not is no matter; what cannot be read ends it.
      if (!(error instanceof UserError) || /no HDF5 file that can be read/.test(error.message)) throw error;
      return undefined;
    }
  };
  const visit = (at: string, depth: number) => {
    for (const name of ["CLASS", "geo_number_rows", "calibration_formulas", "image_geo_parameter", "x"])
      attempt(() => file.attribute(at, name));
    const array = attempt(() => file.array(at));
    if (array) {
      attempt(() => array.read(0, array.shape[0]));
      attempt(() => array.read(array.shape[0] - 1, 1));
      attempt(() => array.texts());
      return;
    }
    if (depth > 3) return;
    for (const name of attempt(() => file.names(at))?.slice(0, 20) ?? []) visit(`${at}/${name}`, depth + 1);
  };
  try {
    visit("", 0);
  } finally {
    file.close();
  }
}

const hdf5: readonly Hdf5Content[] = [
  { name: "data", shape: [6, 2, 4, 4], data: Float32Array.from({ length: 192 }, (_, i) => i), chunks: [2, 2, 4, 4] },
  { name: "whole", shape: [3, 2], data: Uint8Array.of(1, 2, 3, 4, 5, 6) },
  { name: "date", shape: [2], data: ["2013070101", "2013070102"] },
];

/** A line a reader; another one is another line. */
const readers: readonly Reader[] = [
  { name: "idx", samples: [idx, gzipSync(idx)], read: (path) => readIdx(path) },
  { name: "npy", samples: npys, read: readNpy },
  { name: "npy by parts", ending: "npy", samples: npys, read: readParts },
  {
    name: "npz",
    samples: [written((path) => writeNpz(path, [["a", floats]])), zipSync({ "a.npy": npys[0] })],
    read: readNpz,
  },
  { name: "png", samples: [picture("image/png")], read: (path) => readImage(path) },
  { name: "jpg", samples: [picture("image/jpeg")], read: (path) => readImage(path, 3) },
  { name: "webp", samples: [picture("image/webp")], read: (path) => readImage(path) },
  { name: "bmp", samples: [bitmap()], read: (path) => readImage(path) },
  { name: "safetensors", samples: [written((path) => writeSafetensors(path, [["a", floats]]))], read: readSafetensors },
  { name: "pth", samples: [pth], read: readPth },
  { name: "radolan", samples: [radolan, gzipSync(radolan)], read: readRadolan },
  {
    name: "npz by entries",
    ending: "npz",
    samples: [written((path) => writeNpz(path, [["a", floats]])), zipSync({ "a.npy": npys[0] })],
    read: (path) => Array.from(npzEntries(path, "a")),
  },
];

function readParts(path: string): void {
  const { shape, read, close } = openNpy(path);
  try {
    const size = shape.reduce((product, side) => product * side, 1);
    read(0, Math.min(size, 4));
    read(Math.max(size - 2, 0), Math.min(size, 2));
  } finally {
    close();
  }
}

async function held(reader: Reader, count: number, tell: (line: string) => void): Promise<void> {
  const { read, refused, slowest, grown } = await fuzz(reader, count);
  tell(`${read} read, ${refused} refused, slowest ${slowest.toFixed(3)} s, ${((grown ?? 0) / 1e6).toFixed(0)} MB more`);
  assert.ok(refused > 0, "no file was damaged enough");
}

for (const reader of readers) {
  test(`${COUNT} damaged files: ${reader.name}`, (t) => held(reader, COUNT, (line) => t.diagnostic(line)));
}

test(`${FEW} damaged files: avi`, { skip: !hasFfmpeg && "ffmpeg is not installed" }, async (t) => {
  const path = join(folder, "made.avi");
  const frames = Array.from({ length: 6 }, (_, i) => new Uint8Array(16 * 24).fill(40 * i));
  await encodeVideo(path, { height: 16, width: 24, rate: 25 }, frames);
  const read = async (file: string) => {
    for await (const { levels } of videoFrames(file)) assert.ok(levels.length > 0);
  };
  await held({ name: "avi", samples: [readFileSync(path)], read }, FEW, (line) => t.diagnostic(line));
});

test(`${FEW} damaged files: hdf5`, async (t) => {
  const path = join(folder, "made.h5");
  await writeHdf5(path, hdf5);
  const samples = [readFileSync(path), ...real("radar-knmi/RAD_NL25_RAP_5min_201008260410.h5")];
  await held({ name: "h5", samples, read: readAll }, FEW, (line) => t.diagnostic(line));
  // A good file after all those.
  writeFileSync(path, samples[0]);
  await readAll(path);
});

test("the fuzzer notices what must not be, and its files are always the same", async () => {
  const reader = { name: "any", samples: [idx] };
  const fails = (read: Reader["read"], message: RegExp) => assert.rejects(fuzz({ ...reader, read }, 20), { message });
  let calls = 0;
  // The good file comes first.
  const later = (act: () => void) => () => (++calls >= 2 ? act() : undefined);
  await fails(
    later(() => Buffer.alloc(1).readUInt32LE(0)),
    /any, file 0: RangeError/,
  );
  calls = 0;
  await fails(
    later(() => {
      throw Object.assign(new Error("two\nlines"), { name: "UserError" });
    }),
    /any, file 0: UserError: two/,
  );
  calls = 0;
  await fails(
    later(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2100)),
    /any, file 0: \d+\.\d+ s/,
  );
  calls = 0;
  await fails(
    later(() => Buffer.alloc(6e8, 1)),
    /any: \d+ bytes/,
  );
  const twice = [0, 1].map(() => Array.from({ length: 50 }, (_, i) => mutated(idx, random(i)).toString("hex")));
  assert.deepEqual(twice[0], twice[1]);
  assert.ok(new Set(twice[0]).size > 45);
});
