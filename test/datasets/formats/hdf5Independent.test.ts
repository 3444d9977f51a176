import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, test } from "node:test";
import { Hdf5File, writeHdf5 } from "#src/datasets/formats/hdf5";
import { readNpy } from "#src/datasets/formats/npy";
import { random } from "#src/random";
import { sharedPath } from "../sharedData";

const folder = mkdtempSync(join(tmpdir(), "h5py-"));
after(() => rmSync(folder, { recursive: true }));

const python = "/usr/bin/python3";
const missing = spawnSync(python, ["-c", "import h5py"]).status !== 0;

function h5py(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(python, [resolve("test/datasets/formats/hdf5.py"), ...args], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

interface Theirs {
  readonly arrays: Readonly<Record<string, string>>;
  readonly texts: Readonly<Record<string, readonly string[]>>;
  readonly attributes: Readonly<Record<string, number | string>>;
}

/** Everything that h5py reads of a file, ours reads alike. Returns how many arrays, texts and attributes there are. */
async function same(path: string): Promise<[arrays: number, texts: number, attributes: number]> {
  const { arrays, texts, attributes }: Theirs = JSON.parse(h5py("read", path, folder));
  await Hdf5File.using(path, (file) => {
    for (const [name, stored] of Object.entries(arrays)) {
      const { shape, data } = readNpy(join(folder, stored));
      const ours = file.array(name, shape.length);
      assert.deepEqual([...ours.shape], [...shape], name);
      assert.deepEqual(ours.read(0, shape[0]), data, name);
    }
    for (const [name, wanted] of Object.entries(texts)) assert.deepEqual(file.array(name, 1).texts(), wanted, name);
    for (const [place, wanted] of Object.entries(attributes)) {
      const [name, ...key] = place.split(" ");
      assert.equal(file.attribute(name, key.join(" ")), wanted, place);
    }
  });
  return [arrays, texts, attributes].map((list) => Object.keys(list).length) as [number, number, number];
}

describe("h5py reads the same", { skip: missing && "h5py is not installed: apt-get install python3-h5py" }, () => {
  test("files that we wrote", async () => {
    const path = join(folder, "ours.h5");
    const draw = random("h5py");
    await writeHdf5(path, [
      { name: "data", shape: [5, 3, 2], data: Float32Array.from({ length: 30 }, () => draw()), chunks: [2, 3, 2] },
      { name: "exact", shape: [2], data: Float64Array.of(Math.PI, -1e300) },
      { name: "levels", shape: [2, 2], data: Uint8Array.of(0, 1, 254, 255) },
      { name: "depth", shape: [1, 2], data: Uint16Array.of(0, 65535) },
      { name: "date", shape: [2], data: ["2013070101", "20130701"] },
    ]);
    assert.deepEqual(await same(path), [4, 1, 0]);
  });

  for (const [name, least] of [
    ["radar-knmi/RAD_NL25_RAP_5min_201008260410.h5", 1],
    ["rydl-like/RYDL_like.h5", 20],
    ["taxi/NYC12_Taxi_M16x8_T60_InOut.h5", 1],
  ] as const) {
    const path = sharedPath(name);
    test(`the real ${name}`, { skip: !existsSync(path) && "no shared data" }, async () => {
      const [arrays, texts, attributes] = await same(path);
      assert.ok(arrays >= least && texts + attributes + arrays > 1, `${arrays} arrays, ${texts}, ${attributes}`);
    });
  }

  test("a file that leads to others opens none of them", async () => {
    const [path, other] = [join(folder, "hostile.h5"), join(folder, "other.h5")];
    await writeHdf5(other, [{ name: "data", shape: [4], data: Uint8Array.of(7, 7, 7, 7) }]);
    h5py("hostile", path, other);
    await Hdf5File.using(path, (file) => {
      const refused = (name: string, message: RegExp) =>
        assert.throws(() => file.array(name).read(0, 4), { name: "UserError", message });
      refused("link", /hostile\.h5: link leads to another file|no HDF5 file that can be read/);
      refused("virtual", /hostile\.h5: virtual lies in other files, which are not opened/);
      refused("stored", /hostile\.h5: no HDF5 file that can be read/);
    });
  });
});
