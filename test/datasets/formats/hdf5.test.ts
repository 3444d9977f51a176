import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Hdf5File, writeHdf5 } from "#src/datasets/formats/hdf5";
import { UserError } from "#src/types";
import { sharedData } from "../sharedData";

const folder = mkdtempSync(join(tmpdir(), "hdf5-"));
after(() => rmSync(folder, { recursive: true }));

const made = join(folder, "made.h5");
const data = Float64Array.from({ length: 24 }, (_, i) => i / 3);
const write = () =>
  writeHdf5(made, [
    { name: "data", shape: [4, 2, 3], data, chunks: [2, 2, 3] },
    { name: "date", shape: [3], data: ["2013070101", "20130702", "x"] },
    { name: "bytes", shape: [2], data: Uint8Array.of(3, 255) },
  ]);

test("what is written is read back, in parts and whole", async () => {
  await write();
  assert.deepEqual(readdirSync(folder), ["made.h5"]);
  await Hdf5File.using(made, (file) => {
    assert.deepEqual(file.names(), ["bytes", "data", "date"]);
    const array = file.array("data", 3);
    assert.deepEqual(array.shape, [4, 2, 3]);
    assert.deepEqual(array.read(1, 2), data.slice(6, 18));
    assert.deepEqual(file.array("date").texts(), ["2013070101", "20130702", "x"]);
    assert.deepEqual(file.array("bytes").read(0, 2), Uint8Array.of(3, 255));
    assert.equal(file.attribute("", "none"), undefined);
  });
});

test("bad requests and files are one line that names the file", async () => {
  await write();
  const refuses = (why: RegExp, use: (file: Hdf5File) => unknown) =>
    assert.rejects(
      Hdf5File.using(made, use),
      (error: Error) => error instanceof UserError && why.test(error.message) && error.message.startsWith(made),
    );
  await refuses(/none is missing; there is bytes, data, date/, (file) => file.array("none"));
  await refuses(/data\/deeper is missing/, (file) => file.array("data/deeper"));
  await refuses(/data has axes \[4, 2, 3\], expected 4 of them/, (file) => file.array("data", 4));
  await refuses(/asked for 3 to 5 of the first/, (file) => file.array("data").read(3, 2));
  await refuses(/date holds no numbers/, (file) => file.array("date").read(0, 1));
  await refuses(/data has axes .* expected one/, (file) => file.array("data").texts());
  await refuses(/bytes holds no text/, (file) => file.array("bytes").texts());
  const path = (name: string, content: Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const whole = readFileSync(made);
  await assert.rejects(Hdf5File.open(join(folder, "none.h5")), /HDF5 file not found/);
  await assert.rejects(Hdf5File.open(path("empty.h5", Buffer.alloc(0))), /expected an HDF5 file, got an empty one/);
  await assert.rejects(Hdf5File.open(path("text.h5", Buffer.from("no such thing"))), /no HDF5 file that can be read/);
  for (const part of [0.1, 0.5, 0.9]) {
    const cut = path("cut.h5", whole.subarray(0, part * whole.length));
    await assert.rejects(
      Hdf5File.using(cut, (file) => file.array("data").read(0, 4)),
      UserError,
    );
  }
  // A damaged file spoils nothing for the next.
  await Hdf5File.using(made, (file) => assert.equal(file.array("data").read(0, 4).length, 24));
});

test("texts of variable length", async () => {
  const h5wasm = await import("h5wasm/node");
  await h5wasm.ready;
  const path = join(folder, "variable.h5");
  const file = new h5wasm.File(path, "w");
  file.create_dataset({ name: "date", data: ["2013070101", "20130702", "x"] });
  const { metadata } = file.get("date") as InstanceType<typeof h5wasm.Dataset>;
  assert.equal(metadata.vlen, true);
  file.close();
  await Hdf5File.using(path, (opened) =>
    assert.deepEqual(opened.array("date", 1).texts(), ["2013070101", "20130702", "x"]),
  );
});

test("a file that leads to another one is not followed", async () => {
  const h5wasm = await import("h5wasm/node");
  await h5wasm.ready;
  await write();
  const path = join(folder, "link.h5");
  const file = new h5wasm.File(path, "w");
  file.create_external_link(made, "data", "elsewhere");
  file.close();
  await assert.rejects(
    Hdf5File.using(path, (opened) => opened.array("elsewhere")),
    /elsewhere leads to another file, which is not opened/,
  );
});

test("real files: numbers, text of fixed length, attributes", async (t) => {
  const taxi = sharedData(t, "taxi/NYC12_Taxi_M16x8_T60_InOut.h5");
  const radar = sharedData(t, "radar-knmi/RAD_NL25_RAP_5min_201008260410.h5");
  if (!taxi || !radar) return;
  await Hdf5File.using(taxi, (file) => {
    assert.deepEqual(file.array("data", 4).shape, [8136, 2, 16, 8]);
    assert.deepEqual(file.array("date").texts().slice(0, 2), ["2012010100", "2012010101"]);
  });
  await Hdf5File.using(radar, (file) => {
    const { shape, read } = file.array("image1/image_data", 2);
    assert.deepEqual(shape, [765, 700]);
    assert.equal(read(100, 1)[300], 65535);
    assert.equal(file.attribute("image1/calibration", "calibration_formulas"), "GEO=0.01*PV+0.0");
    assert.equal(file.attribute("image1/calibration", "calibration_out_of_image"), 65535);
  });
});
