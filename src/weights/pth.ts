import { closeSync, openSync, readSync, statSync } from "node:fs";
import { readFile } from "../files";
import { walk } from "../strided";
import { UserError } from "../types";
import { Zip } from "../zip";
import { readPickle } from "./pickle";
import type { NamedArray } from "./safetensors";

/** A checkpoint of the largest published network has some 50 MB. */
const MOST_BYTES = 2 ** 31;
const MOST_PICKLE = 2 ** 26;

/** How the numbers of each type of storage become float32. */
const storages: Readonly<Record<string, { readonly bytes: number; read(view: DataView, at: number): number }>> = {
  FloatStorage: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  DoubleStorage: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  HalfStorage: { bytes: 2, read: (view, at) => halfAt(view.getUint16(at, true)) },
  BFloat16Storage: { bytes: 2, read: (view, at) => bfloatAt(view.getUint16(at, true)) },
  LongStorage: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  IntStorage: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
};

interface Storage {
  readonly type: string;
  /** The file it lies in, `data/KEY`. */
  readonly key: string;
  readonly length: number;
}

/** A view of a storage, as the pickle describes it; its numbers are read later. */
class Tensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/**
 * Reads the tensors of a PyTorch checkpoint (`torch.save` of a `state_dict`, PyTorch 1.6 or later: a zip file with a pickle),
 * as float32, under the names they have there. A dictionary inside the saved one is looked into where that has no tensors itself,
 * such as `{"epoch": 3, "state_dict": {...}}`.
 *
 * The pickle is never executed: an interpreter of its own reads tensors in dictionaries and refuses everything else by name.
 *
 * Errors: missing file, no such zip file, a damaged or compressed one (PyTorch does not compress), whatever the pickle names
 * beside tensors, tensors that lie outside their storage.
 */
export function readPth(path: string): Map<string, NamedArray> {
  const fail = (reason: string) => new UserError(`${path}: not a PyTorch checkpoint that can be read: ${reason}`);
  requireZip(path, fail);
  const bytes = readFile(path, "PyTorch checkpoint");
  // PyTorch stores files as they are; what is compressed may become anything.
  const zip = new Zip(bytes, { stored: true, fail });
  const pickles = zip.names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) throw fail(`expected one file data.pkl in the zip file, found ${pickles.length}`);
  const folder = pickles[0].slice(0, -"data.pkl".length);
  const order = zip.has(`${folder}byteorder`) ? Buffer.from(zip.read(`${folder}byteorder`, 16)).toString() : "little";
  if (order !== "little") throw fail(`byte order is ${order}, expected little`);

  const shape = (value: unknown): number[] => {
    if (!Array.isArray(value) || !value.every((n) => Number.isSafeInteger(n) && n >= 0))
      throw fail("a tensor has no valid shape");
    return value as number[];
  };
  const rebuild = (storage: unknown, offset: unknown, size: unknown, strides: unknown): Tensor => {
    if (!isStorage(storage) || !Number.isSafeInteger(offset) || (offset as number) < 0)
      throw fail("a tensor has no valid storage");
    return new Tensor(storage, offset as number, shape(size), shape(strides));
  };
  const root = readPickle(
    zip.read(pickles[0], MOST_PICKLE),
    {
      calls: {
        "collections.OrderedDict": (pairs = []) => {
          if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2))
            throw fail("a dictionary is made of what are no pairs");
          return new Map(pairs as [unknown, unknown][]);
        },
        "torch._utils._rebuild_tensor_v2": rebuild,
        "torch._utils._rebuild_parameter": (tensor) => tensor,
      },
      names: Object.fromEntries(Object.keys(storages).map((type) => [`torch.${type}`, type])),
      persistent(id) {
        const [kind, type, key, , length] = Array.isArray(id) ? id : [];
        const storage = { type, key, length };
        if (kind !== "storage" || !isStorage(storage))
          throw fail("it refers to something that is no storage of numbers");
        return storage;
      },
    },
    path,
  );

  const tensors = tensorsOf(root, fail);
  const total = [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  if (!(total <= bytes.length)) throw fail(`its tensors have ${total} numbers, and the file ${bytes.length} bytes`);
  const fileOf = ({ storage }: Tensor) => `${folder}data/${storage.key}`;
  const contents = zip.readAll([...tensors.values()].map(fileOf));
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const content = contents.get(fileOf(tensor)) as Uint8Array;
      return [name, { shape: tensor.shape, data: numbers(tensor, content, (reason) => fail(`${name} ${reason}`)) }];
    }),
  );
}

const isStorage = (value: unknown): value is Storage => {
  const { type, key, length } = (value ?? {}) as Partial<Storage>;
  const known = typeof type === "string" && Object.hasOwn(storages, type);
  return known && typeof key === "string" && /^\d{1,9}$/.test(key) && Number.isSafeInteger(length) && length! >= 0;
};

type Fail = (reason: string) => UserError;

/** Looks at size and beginning before anything is read; what is no file the reader refuses. */
function requireZip(path: string, fail: Fail): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile()) return;
  if (stats.size > MOST_BYTES) throw fail(`it has ${stats.size} bytes, expected at most ${MOST_BYTES}`);
  const start = Buffer.alloc(4);
  const file = openSync(path, "r");
  try {
    readSync(file, start, 0, 4, 0);
  } finally {
    closeSync(file);
  }
  if (start[0] === 0x80)
    throw fail("it is of the format before PyTorch 1.6; load it with a later PyTorch and save it again");
  if (!start.equals(Buffer.from("PK\x03\x04", "latin1"))) throw fail("expected a zip file");
}

/** The tensors of a dictionary, or of the only dictionary in it that has some. */
function tensorsOf(root: unknown, fail: Fail): Map<string, Tensor> {
  const of = (value: unknown) =>
    new Map(
      [...(value instanceof Map ? value : [])].filter(
        (entry): entry is [string, Tensor] => typeof entry[0] === "string" && entry[1] instanceof Tensor,
      ),
    );
  const own = of(root);
  if (own.size > 0) return own;
  const inside = [...(root instanceof Map ? root.values() : [])].map(of).filter(({ size }) => size > 0);
  if (inside.length !== 1) throw fail(`expected one dictionary of tensors, found ${inside.length}`);
  return inside[0];
}

/** The numbers of a tensor in the order of its shape. */
function numbers({ storage, offset, shape, strides }: Tensor, content: Uint8Array, fail: Fail): Float32Array {
  const { bytes, read } = storages[storage.type];
  if (content.length !== storage.length * bytes) {
    throw fail(`has a storage of ${content.length} bytes, expected ${storage.length * bytes}`);
  }
  const count = shape.reduce((a, b) => a * b, 1);
  const last = offset + shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] ?? Number.NaN), 0);
  if (shape.length !== strides.length || (count > 0 && !(last < storage.length)) || count > storage.length) {
    throw fail(`[${shape}] lies outside its storage of ${storage.length} numbers`);
  }
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const result = new Float32Array(count);
  walk(shape, strides, (to, from) => {
    result[to] = read(view, (offset + from) * bytes);
  });
  return result;
}

function halfAt(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

const single = new DataView(new ArrayBuffer(4));
function bfloatAt(bits: number): number {
  single.setUint32(0, bits << 16);
  return single.getFloat32(0);
}
