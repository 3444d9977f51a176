import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readNpz, writeNpz } from "#src/datasets/formats/npz";
import { meteonet, readMeteonet } from "#src/datasets/meteonet";
import { rainMaps } from "#src/metrics/rain";
import { sharedData } from "./sharedData";

const root = mkdtempSync(join(tmpdir(), "meteonet-"));
const cache = join(root, "cache");
after(() => rmSync(root, { recursive: true }));

const write = (path: string, shape: readonly number[], values: readonly number[]) =>
  writeNpz(path, [["data", { shape, data: Int16Array.from(values) }]]);

test("sums and reflectivities as pixels; each file is a recording", async () => {
  const from = join(root, "made");
  write(join(from, "rainfall_NW_2016_08.2.npz"), [3, 1, 2], [0, 10, -1, 20, 50, -1]);
  write(join(from, "rainfall_NW_2016_08.10.npz"), [2, 1, 2], [100, 0, 0, 0]);
  write(join(from, "reflectivity_new_NW_2016_08.2.npz"), [2, 1, 2], [35, 255, 70, -5]);
  write(join(from, "radar_coords_NW.npz"), [2], [1, 2]);
  const remarks: string[] = [];
  const common = {
    from,
    time: 2,
    split: { validation: 0, test: 0 },
    cache,
    onRemark: (line: string) => remarks.push(line),
  };
  const set = await meteonet({ ...common, stride: 1 });
  assert.deepEqual(
    [0, 1, 2].map((i) => set.id("train", i)),
    ["rainfall_NW_2016_08.2/0", "rainfall_NW_2016_08.2/1", "rainfall_NW_2016_08.10/0"],
  );
  assert.deepEqual(remarks, ["MeteoNet rainfall: 2 of 10 pixels were not measured, they count as no rain"]);
  const level = (rate: number) => Math.fround(Math.round(255 * rainMaps.meteonet.toPixel(rate)) / 255);
  const { data } = await set.sequences("train", [0, 2]);
  assert.deepEqual([...data], [0, 1.2, 0, 2.4, 12, 0, 0, 0].map(level));
  const echoes = await meteonet({ ...common, quantity: "reflectivity" });
  assert.deepEqual([...(await echoes.sequences("train", [0])).data], [Math.fround(128 / 255), 0, 1, 0]);
  assert.deepEqual([echoes.frame.unit, echoes.frame.range], ["dBZ", [0, 70]]);
});

test("bad input: one clear line, nothing half-made", async () => {
  const from = join(root, "bad");
  const path = join(from, "rainfall_SE_2016_08.1.npz");
  mkdirSync(from);
  const refused = async (message: RegExp, options = {}) => {
    await assert.rejects(meteonet({ from, time: 1, cache, ...options }), { name: "UserError", message });
    assert.deepEqual(
      readdirSync(cache).filter((name) => name.endsWith(".tmp")),
      [],
    );
  };
  await refused(/expected MeteoNet files \(\.npz\), found none/);
  write(join(from, "other.npz"), [1], [1]);
  await refused(/expected files such as rainfall_NW_2016_08\.3\.npz, found none/);
  await refused(/quantity: expected rainfall or reflectivity, got snow/, { quantity: "snow" });
  write(path, [4], [1, 2, 3, 4]);
  await refused(/08\.1\.npz: expected data with three axes, got 1/);
  write(join(from, "rainfall_SE_2016_08.0.npz"), [1, 1, 2], [1, 2]);
  write(path, [1, 1, 3], [1, 2, 3]);
  await refused(/08\.1\.npz, picture 0 is 1 x 3, expected 1 x 2 like .*08\.0\.npz, picture 0/);
  writeNpz(path, [["dates", { shape: [1], data: new Float32Array(1) }]]);
  await refused(/08\.1\.npz: not a \.npz file: it has no data\.npy/);
  writeFileSync(path, "");
  await refused(/08\.1\.npz: not a \.npz file/);
});

test("real files, whose dates are pickled: all pictures, as the file read in one piece has them", async (t) => {
  const folder = sharedData(t, "meteonet");
  if (!folder) return;
  const path = join(folder, "rainfall_NW_2016_08.3.npz");
  const whole = readNpz(path, ["data"]).get("data")!;
  assert.deepEqual(whole.shape, [45, 565, 784]);
  let [frame, missing, wet] = [0, 0, 0];
  for await (const { height, width, values } of readMeteonet(path, "rainfall")) {
    assert.deepEqual([height, width], [565, 784]);
    for (let i = 0; i < values.length; i++) {
      const raw = Number(whole.data[frame * values.length + i]);
      if (raw === -1 ? !Number.isNaN(values[i]) : Math.abs(values[i] - (raw * 12) / 100) > 1e-4)
        assert.fail(`${frame}, ${i}: ${values[i]} for ${raw}`);
      if (raw === -1) missing++;
      if (raw > 0) wet++;
    }
    frame++;
  }
  assert.equal(frame, 45);
  assert.ok(missing > 0 && wet > 0, `${missing} missing, ${wet} wet`);
  const set = await meteonet({
    from: folder,
    quantity: "reflectivity",
    time: 20,
    size: 120,
    split: { validation: 0, test: 0 },
    cache,
  });
  assert.equal(set.id("train", 0), "reflectivity_old_NW_2016_08.3/0");
  const { data } = await set.sequences("train", [0]);
  const most = data.reduce((a, b) => Math.max(a, b));
  assert.ok(most > 0.3 && most < 1, `${most}`);
});
