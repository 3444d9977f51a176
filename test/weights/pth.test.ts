import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, test } from "node:test";
import { zipSync } from "fflate";
import { chooseBackend } from "#src/backend/choose";
import { readNpy, writeNpy } from "#src/datasets/formats/npy";
import { readClip, toClip } from "#src/evaluate";
import { random } from "#src/random";
import { predict } from "#src/rollout";
import { disposeTree } from "#src/tree";
import type { Sequences } from "#src/types";
import { readPth } from "#src/weights/pth";
import { importWeights, readPublished } from "#src/weights/published";
import { networkOf } from "#src/weights/weightsFile";

const folder = mkdtempSync(join(tmpdir(), "pth-"));
after(() => rmSync(folder, { recursive: true }));

// Opcodes of Python's pickletools, as torch.save writes them.
const bytes = (...parts: (number | string | readonly number[])[]): number[] =>
  parts.flatMap((part) =>
    typeof part === "string" ? [...Buffer.from(part, "latin1")] : typeof part === "number" ? [part] : [...part],
  );
const four = (n: number) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >>> 24) & 255];
const text = (value: string) => bytes("X", four(Buffer.byteLength(value)), [...Buffer.from(value)]);
const whole = (value: number) => bytes("J", four(value));
const tuple = (...values: number[][]) => bytes("(", ...values, "t");
const begin = bytes(0x80, 2);

interface Made {
  key?: string;
  type?: string;
  shape: number[];
  strides?: number[];
  offset?: number;
  /** Of the storage. */
  length?: number;
}

function tensor({ key = "0", type = "FloatStorage", shape, strides, offset = 0, length }: Made): number[] {
  const count = shape.reduce((a, b) => a * b, 1);
  const dense = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const id = tuple(text("storage"), bytes("ctorch\n", type, "\n"), text(key), text("cpu"), whole(length ?? count));
  const sizes = [shape, strides ?? dense].map((list) => tuple(...list.map(whole)));
  const hooks = bytes("ccollections\nOrderedDict\n", ")R");
  return bytes("ctorch._utils\n_rebuild_tensor_v2\n", "(", id, "Q", whole(offset), ...sizes, 0x89, hooks, "tR");
}

const dictionary = (entries: Record<string, number[]>) =>
  bytes("}(", ...Object.entries(entries).flatMap(([name, value]) => [text(name), value]), "u");

type Files = Record<string, Uint8Array | number[]>;

function write(name: string, pickle: number[], files: Files = {}, level: 0 | 6 = 0): string {
  const path = join(folder, name);
  const all = { "archive/data.pkl": Uint8Array.from(pickle), ...files };
  const entries = Object.entries(all).map(([file, content]) => [file, [Uint8Array.from(content), { level }]]);
  writeFileSync(path, zipSync(Object.fromEntries(entries)));
  return path;
}

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

test("tensors of every type, views of a storage, dictionaries inside others", () => {
  const entries = {
    plain: tensor({ shape: [2, 3] }),
    turned: tensor({ shape: [3, 2], strides: [1, 3], length: 6 }),
    end: tensor({ shape: [2], offset: 4, length: 6 }),
    one: tensor({ shape: [], length: 6, offset: 2 }),
    none: tensor({ shape: [0, 4], key: "6" }),
    double: tensor({ shape: [2], type: "DoubleStorage", key: "1" }),
    half: tensor({ shape: [5], type: "HalfStorage", key: "2" }),
    brain: tensor({ shape: [3], type: "BFloat16Storage", key: "3" }),
    long: tensor({ shape: [1], type: "LongStorage", key: "4" }),
    whole: tensor({ shape: [1], type: "IntStorage", key: "5" }),
  };
  const files = {
    "archive/byteorder": [...Buffer.from("little")],
    "archive/data/0": floats(1, 2, 3, 4, 5, 6),
    "archive/data/1": new Uint8Array(Float64Array.of(0.5, -1e300).buffer),
    "archive/data/2": new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x7c00, 0x0001, 0x7e00).buffer),
    "archive/data/3": new Uint8Array(Uint16Array.of(0x3f80, 0xc040, 0x7f80).buffer),
    "archive/data/4": new Uint8Array(BigInt64Array.of(-7n).buffer),
    "archive/data/5": new Uint8Array(Int32Array.of(9).buffer),
    "archive/data/6": [],
  };
  const expected: Record<string, [number[], number[]]> = {
    plain: [
      [2, 3],
      [1, 2, 3, 4, 5, 6],
    ],
    turned: [
      [3, 2],
      [1, 4, 2, 5, 3, 6],
    ],
    end: [[2], [5, 6]],
    one: [[], [3]],
    none: [[0, 4], []],
    double: [[2], [0.5, Number.NEGATIVE_INFINITY]],
    half: [[5], [1, -2, Number.POSITIVE_INFINITY, 2 ** -24, Number.NaN]],
    brain: [[3], [1, -3, Number.POSITIVE_INFINITY]],
    long: [[1], [-7]],
    whole: [[1], [9]],
  };
  const state = dictionary(entries);
  // As torch.save of a state_dict: an OrderedDict with something beside its entries.
  const ordered = bytes(
    "ccollections\nOrderedDict\n",
    ")R",
    state.slice(1),
    dictionary({ _metadata: [...bytes("N")] }),
    "b",
  );
  for (const pickle of [
    bytes(begin, state, "."),
    bytes(begin, ordered, "."),
    bytes(
      begin,
      dictionary({ epoch: whole(3), state_dict: state, best: bytes("G", [0x3f, 0xf0, 0, 0, 0, 0, 0, 0]) }),
      ".",
    ),
  ]) {
    const read = readPth(write("types.pth", pickle, files));
    assert.deepEqual([...read.keys()], Object.keys(expected));
    for (const [name, [shape, values]] of Object.entries(expected)) {
      assert.deepEqual(read.get(name)!.shape, shape, name);
      assert.deepEqual([...read.get(name)!.data], values, name);
    }
  }
});

describe("hostile files are refused in one line, within a second", () => {
  const good = dictionary({ w: tensor({ shape: [2] }) });
  const data = { "archive/data/0": floats(1, 2) };
  const one =
    (made: Made, files: Files = data) =>
    () =>
      write("one.pth", bytes(begin, dictionary({ w: tensor(made) }), "."), files);
  const pickled =
    (...parts: Parameters<typeof bytes>) =>
    () =>
      write("bad.pth", bytes(begin, ...parts), data);
  const raw = (content: Uint8Array) => () => {
    const path = join(folder, "raw.pth");
    writeFileSync(path, content);
    return path;
  };
  const cases: [string, () => string, RegExp][] = [
    ["os.system", pickled("cos\nsystem\n", "(", text("touch /tmp/owned"), "tR."), /names os\.system/],
    [
      "eval by another opcode",
      pickled(text("builtins"), text("eval"), 0x93, tuple(text("1")), "R."),
      /names builtins\.eval/,
    ],
    ["a whole network", pickled("cnets.model\nConvLSTM\n", ")", 0x81, "."), /names nets\.model\.ConvLSTM/],
    ["an attribute of what is allowed", pickled("ctorch._utils\n__builtins__\n."), /names torch\._utils\.__builtins__/],
    ["a property of every object", pickled("ctorch\nconstructor\n."), /names torch\.constructor/],
    ["INST", pickled("(ios\nsystem\n."), /opcode 0x69 at byte 3/],
    ["OBJ", pickled("(", text("x"), "o."), /opcode 0x6f/],
    ["an extension", pickled(0x82, 1, "."), /opcode 0x82/],
    ["a call of a number", pickled(whole(1), ")R."), /calls what is no function/],
    ["a call of a name", pickled("ctorch\nFloatStorage\n", ")R."), /calls what is no function/],
    ["a state for a tensor", pickled(tensor({ shape: [2] }), "}b."), /fills what is no dictionary/],
    ["protocol 9", () => write("p.pth", bytes(0x80, 9, "N."), data), /protocol 9/],
    ["no end", pickled("}"), /ends after 3 bytes/],
    ["no value", pickled("0."), /takes a value that is not there/],
    ["no mark", pickled(whole(1), "t."), /no mark/],
    ["a text of 4 GB", pickled("X", [255, 255, 255, 255], "."), /ends after/],
    ["a number of 2 GB", pickled(0x8b, [255, 255, 255, 127], "."), /a number of/],
    ["an endless line", pickled("c", "a".repeat(1000)), /a line of the pickle does not end/],
    ["a value from nowhere", pickled("h", 7, "."), /value 7 is used before/],
    ["no dictionary", pickled(whole(1), "."), /found 0/],
    ["two dictionaries", pickled(dictionary({ a: good, b: good }), "."), /found 2/],
    ["a million marks", pickled("(".repeat(1_000_001)), /more than 1000000 values/],
    ["a key that leaves", one({ shape: [2], key: "../../../etc/passwd" }), /no storage of numbers/],
    ["a tensor without storage", one({ shape: [2], key: "5" }), /missing/],
    ["a dictionary of a number", pickled("ccollections\nOrderedDict\n", whole(5), 0x85, "R."), /no pairs/],
    ["more than its storage", one({ shape: [3], length: 2 }), /lies outside its storage/],
    ["beyond its storage", one({ shape: [2], offset: 1, length: 2 }), /lies outside/],
    ["numbers again and again", one({ shape: [1 << 20, 1 << 10], strides: [0, 0], length: 2 }), /1073741824 numbers/],
    ["more axes than strides", one({ shape: [1, 2], strides: [1], length: 2 }), /lies outside/],
    ["a negative size", one({ shape: [-2], length: 2 }), /no valid shape/],
    ["another length", one({ shape: [2] }, { "archive/data/0": floats(1) }), /storage of 4 bytes, expected 8/],
    [
      "an absolute path",
      () => write("a.pth", bytes(begin, good, "."), { ...data, "/etc/passwd": [1] }),
      /named \/etc\/passwd/,
    ],
    [
      "a path upwards",
      () => write("a.pth", bytes(begin, good, "."), { ...data, "archive/../../x": [1] }),
      /named archive/,
    ],
    ["a drive", () => write("a.pth", bytes(begin, good, "."), { ...data, "C:\\x": [1] }), /named C:/],
    ["two pickles", () => write("a.pth", bytes(begin, good, "."), { ...data, "b/data.pkl": [1] }), /found 2/],
    [
      "big-endian",
      () => write("a.pth", bytes(begin, good, "."), { ...data, "archive/byteorder": [...Buffer.from("big")] }),
      /big/,
    ],
    [
      "compressed",
      () => write("a.pth", bytes(begin, good, "."), { "archive/data/0": new Uint8Array(5e7) }, 6),
      /compressed/,
    ],
    ["a zip file without files", raw(zipSync({})), /expected a zip file/],
    ["zeros", raw(new Uint8Array(1000)), /expected a zip file/],
    ["an old format", raw(Uint8Array.from([0x80, 2, 0x8a, 10])), /before PyTorch 1\.6/],
    ["nothing", raw(new Uint8Array()), /expected a zip file/],
    [
      "10 GB of zeros",
      () => {
        const path = raw(new Uint8Array(1))();
        truncateSync(path, 10 * 2 ** 30);
        return path;
      },
      /has 10737418240 bytes/,
    ],
    ["no file", () => join(folder, "none.pth"), /not found/],
    ["a folder", () => folder, /expected a file, got a folder/],
  ];
  for (const [name, make, message] of cases) {
    test(name, () => {
      const path = make();
      const started = performance.now();
      assert.throws(
        () => readPth(path),
        (error: Error) => {
          assert.equal(error.name, "UserError", error.stack);
          assert.match(error.message, message);
          assert.ok(
            !error.message.includes("\n") && error.message.startsWith(path) === /pth: /.test(error.message),
            error.message,
          );
          return true;
        },
      );
      assert.ok(performance.now() - started < 1000, "within a second");
    });
  }

  test("cut off at 20 places, and with any byte changed", () => {
    const whole = zipSync({
      "archive/data.pkl": [Uint8Array.from(bytes(begin, good, ".")), { level: 0 }],
      "archive/data/0": [floats(1, 2), { level: 0 }],
    });
    const attempt = (content: Uint8Array) => {
      const path = raw(content)();
      try {
        return readPth(path);
      } catch (error) {
        assert.equal((error as Error).name, "UserError", (error as Error).stack);
        return undefined;
      }
    };
    assert.deepEqual([...attempt(whole)!.get("w")!.data], [1, 2]);
    for (let i = 0; i < 20; i++) {
      const cut = Math.floor((whole.length * i) / 20);
      assert.equal(attempt(whole.subarray(0, cut)), undefined, `${cut} of ${whole.length} bytes`);
    }
    const draw = random("pth");
    for (let i = 0; i < 2000; i++) {
      const changed = Uint8Array.from(whole);
      changed[Math.floor(draw() * whole.length)] = Math.floor(draw() * 256);
      attempt(changed);
    }
  });
});

const python = "/usr/bin/python3";
const torch = spawnSync(python, ["-c", "import torch"]).status === 0 ? false : "PyTorch is not installed";

describe("checkpoints that PyTorch wrote forecast what they forecast there", { skip: torch }, () => {
  const draw = random("context");
  const context: Sequences = {
    shape: [2, 3, 16, 24, 1],
    data: Float32Array.from({ length: 2 * 3 * 16 * 24 }, () => draw()),
  };
  const contextFile = join(folder, "context.npy");
  writeNpy(contextFile, { ...context, shape: [...context.shape] });
  const cases: [string, ...string[]][] = [
    ["MS-ConvLSTM", "--parallel"],
    ["ConvLSTM", "--half"],
    ["MS-PredRNN++", "--nested"],
    ["MS-MIM"],
    ["MotionRNN", "--parallel", "--nested"],
    ["TrajGRU"],
  ];
  for (const [name, ...options] of cases) {
    test([name, ...options].join(" "), async () => {
      await chooseBackend();
      const [checkpoint, forecast] = [join(folder, "theirs.pth"), join(folder, "theirs.npy")];
      const script = resolve("test/weights/checkpoint.py");
      const args = [script, name, "8", "1", contextFile, "4", checkpoint, forecast, ...options];
      const { status, stderr } = spawnSync(python, args, { encoding: "utf8" });
      assert.equal(status, 0, stderr);
      const { config, params } = importWeights(readPublished(checkpoint), { model: name }, checkpoint);
      assert.deepEqual([config.filters, config.channels], [8, 1]);
      const ours = await readClip(predict(networkOf(config, { height: 16, width: 24 }), params, toClip(context), 4));
      const theirs = readNpy(forecast);
      assert.deepEqual([...ours.shape], theirs.shape);
      const off = ours.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (theirs.data[i] as number))), 0);
      assert.ok(off < 1e-5, `off by ${off}`);
      disposeTree(params);
    });
  }
});
