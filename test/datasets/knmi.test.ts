import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { writeHdf5 } from "#src/datasets/formats/hdf5";
import { readImage } from "#src/datasets/formats/image";
import { knmi, readKnmi } from "#src/datasets/knmi";
import { radarLevels } from "#src/datasets/radar";
import { rainMaps } from "#src/metrics/rain";
import { sharedData } from "./sharedData";

const root = mkdtempSync(join(tmpdir(), "knmi-"));
const cache = join(root, "cache");
after(() => rmSync(root, { recursive: true }));

/** A KNMI file of `image`, [2, 3], unless said otherwise; what is not given is not there. */
async function writeKnmi(
  path: string,
  {
    image = [0, 10, 65535, 100, 1, 65534],
    shape = [2, 3],
    formula = "GEO=0.01*PV+0.0",
    end = "26-AUG-2010;04:10:00.000",
  } = {},
): Promise<void> {
  const { File, ready } = await import("h5wasm/node");
  await ready;
  mkdirSync(dirname(path), { recursive: true });
  const file = new File(path, "w");
  const overview = file.create_group("overview");
  overview.create_attribute("product_datetime_start", "26-AUG-2010;04:05:00.000");
  overview.create_attribute("product_datetime_end", end);
  const group = file.create_group("image1");
  group.create_dataset({ name: "image_data", data: Uint16Array.from(image), shape });
  const calibration = group.create_group("calibration");
  calibration.create_attribute("calibration_formulas", formula);
  calibration.create_attribute("calibration_missing_data", Int32Array.of(65534));
  calibration.create_attribute("calibration_out_of_image", Int32Array.of(65535));
  file.close();
}

test("sums become rates, by what the file says", async () => {
  const path = join(root, "rates", "RAD_201008260410.h5");
  await writeKnmi(path);
  const { values, ...about } = await readKnmi(path);
  assert.deepEqual(about, { height: 2, width: 3, unit: "mm/h", where: path });
  assert.deepEqual(values, Float32Array.of(0, 1.2, Number.NaN, 12, 0.12, Number.NaN));
  await writeKnmi(path, { formula: "GEO=0.1*PV+-0.5", end: "26-AUG-2010;05:05:00.000" });
  assert.deepEqual((await readKnmi(path)).values, Float32Array.of(-0.5, 0.5, Number.NaN, 9.5, -0.4, Number.NaN));
});

test("real files give the pixels that were made of them elsewhere", async (t) => {
  const [files, pictures] = [sharedData(t, "radar-knmi"), sharedData(t, "hko7-like/radarPNG/2010/08/26")];
  if (!files || !pictures) return;
  let [differ, wet] = [0, 0];
  for (const clock of ["0410", "0605"]) {
    const found = await readKnmi(join(files, `RAD_NL25_RAP_5min_20100826${clock}.h5`));
    assert.deepEqual([found.height, found.width, found.unit], [765, 700, "mm/h"]);
    const picture = await readImage(join(pictures, `RAD100826${clock}00.png`));
    const { levels } = radarLevels(found, rainMaps.hko7);
    for (let row = 0; row < 480; row++) {
      for (let column = 0; column < 480; column++) {
        const at = (row + 100) * 700 + column + 120;
        const rate = found.values[at];
        // The formula that the samples' description gives.
        const level = rate > 0 ? 255 * Math.min(Math.max((10 * Math.log10(58.53 * rate ** 1.56) + 10) / 70, 0), 1) : 0;
        const there = picture.levels[480 * row + column];
        assert.ok(Math.abs(there - level) < 0.5001, `${row}, ${column}: ${there} for ${level}`);
        if (there !== levels[at]) differ++;
        if (there > 0) wet++;
      }
    }
  }
  assert.ok(wet > 20_000, `${wet} wet pixels`);
  assert.equal(differ, 0);
});

test("real files as a data set: one recording, divided in time; the cache is used again", async (t) => {
  const from = sharedData(t, "radar-knmi");
  if (!from) return;
  const [remarks, progress]: [string[], number[]] = [[], []];
  const open = () =>
    knmi({
      ...{ from, time: 4, size: [96, 88], cache, split: { validation: 0.25, test: 0.25 } },
      onRemark: (line) => remarks.push(line),
      onProgress: (_, frames) => progress.push(frames),
    });
  const set = await open();
  assert.deepEqual([set.size("train"), set.size("validation"), set.size("test")], [3, 1, 1]);
  assert.equal(set.id("test", 0), "201008260410/18");
  assert.deepEqual([set.frame.height, set.frame.width, set.frame.unit, set.frame.range], [96, 88, "dBZ", [0, 70]]);
  const [remark] = remarks;
  assert.match(remark, /^KNMI radar: \d+ of 12852000 pixels were not measured, they count as no rain$/);
  const again = await open();
  assert.deepEqual([progress.length, remarks.length], [24, 1]);
  assert.deepEqual(await again.sequences("test", [0]), await set.sequences("test", [0]));
});

test("a gap begins a new recording, and days can be divided", async () => {
  const from = join(root, "gap");
  for (const name of [
    "201008262345",
    "201008262350",
    "201008262355",
    "201008270000",
    "201008270005",
    "201008270015",
    "201008270020",
  ])
    await writeKnmi(join(from, `RAD_NL25_RAP_5min_${name}.h5`));
  const common = { from, time: 2, size: 8, cache };
  const whole = await knmi({ ...common, split: { train: ["201008262345"], test: ["201008270015"] } });
  assert.deepEqual([whole.size("train"), whole.size("test")], [2, 1]);
  const remarks: string[] = [];
  const onRemark = (line: string) => remarks.push(line);
  const days = await knmi({
    ...common,
    onRemark,
    split: { days: { train: ["20100826"], test: ["20100827", "20100828"] } },
  });
  assert.deepEqual([days.size("train"), days.size("test"), days.id("test", 1)], [1, 2, "201008270015/0"]);
  assert.equal(remarks.at(-1), "KNMI radar: no pictures of 1 listed days, such as 20100828");
  await assert.rejects(knmi({ ...common, split: { days: { train: ["20110101"] } } }), {
    name: "UserError",
    message: /gap: expected pictures of 1 listed days, such as 20110101, found none/,
  });
  await assert.rejects(knmi({ ...common, split: { days: { train: ["20100826"], test: ["20100826"] } } }), {
    name: "UserError",
    message: /recording 201008262345 is named twice, again in test/,
  });
});

test("bad input: one clear line, nothing half-made", async () => {
  const refused = async (from: string, message: RegExp) => {
    await assert.rejects(knmi({ from, time: 1, cache }), { name: "UserError", message });
    assert.deepEqual(
      readdirSync(root).filter((name) => name.endsWith(".tmp")),
      [],
    );
  };
  const folderOf = async (name: string, content: Parameters<typeof writeHdf5>[1]) => {
    await writeHdf5(join(root, name, "RAD_201008260410.h5"), content);
    return join(root, name);
  };
  await refused(join(root, "none"), /none: expected a folder of radar pictures such as RAD_NL25/);
  const flat = { name: "other", shape: [4], data: new Uint16Array(4) };
  await refused(await folderOf("missing", [flat]), /RAD_201008260410\.h5: image1 is missing; there is other/);
  const text = await folderOf("text", [flat]);
  writeFileSync(join(text, "RAD_201008260410.h5"), "no HDF5");
  await refused(text, /no HDF5 file that can be read/);
  writeFileSync(join(text, "RAD_201008260410.h5"), "");
  await refused(text, /expected an HDF5 file, got an empty one/);
  const path = join(text, "RAD_201008260410.h5");
  await writeKnmi(path, { shape: [6] });
  await refused(text, /image1\/image_data has axes \[6\], expected 2 of them/);
  await writeKnmi(path, { formula: "GEO=PV^2" });
  await refused(text, /expected calibration_formulas such as GEO=0\.01\*PV\+0\.0, got GEO=PV\^2/);
  for (const end of ["26-AUG-2010;04:05:00.000", "nonsense"]) {
    await writeKnmi(path, { end });
    await refused(text, /expected product_datetime_start before product_datetime_end/);
  }
  await writeKnmi(path);
  await writeKnmi(join(text, "RAD_201008260415.h5"), { image: [1, 2], shape: [1, 2] });
  await refused(text, /260415\.h5 is 1 x 2, expected 2 x 3 like .*260410\.h5/);
});
