import { closeSync } from "node:fs";
import { endianness } from "node:os";
import { openToRead, readFile, readPart, writeAtomic } from "../../files";
import { walk } from "../../strided";
import { UserError } from "../../types";

/** Element types that can be read and written, and what they become. */
const arrays = {
  f4: Float32Array,
  f8: Float64Array,
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  u8: BigUint64Array,
  i8: BigInt64Array,
} as const;

export type NpyType = keyof typeof arrays;
export type NpyData =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array;

/** A NumPy array in C order and the machine's byte order. `shape` is empty for a single number. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: NpyData;
}

const magic = Buffer.from("\x93NUMPY", "latin1");
const most = { axes: 32, header: 1 << 20 };

/**
 * Reads a NumPy file, format versions 1 to 3: f4, f8, u1..u8, i1..i8 of either byte order, C or Fortran order (given back
 * in C order), including the shapes Python 2 wrote, `(480L, 480L)`. Eight-byte integers become BigInt arrays.
 *
 * Object arrays hold Python pickles, which run code when opened: they are refused and never looked into. Throws a
 * UserError with the path for those, other types, and files whose size is not what shape and type ask for.
 *
 * Source: NumPy, "numpy.lib.format", NEP 1.
 */
export function readNpy(path: string): NpyArray {
  return parseNpy(readFile(path, "NumPy file"), path);
}

/** The same from bytes in memory; `where` names them in errors. The result may share memory with `bytes`. */
export function parseNpy(bytes: Uint8Array, where: string): NpyArray {
  const { fortran, shape, start, numbers } = parseNpyHead(bytes, bytes.length, where);
  const data = numbers(bytes.subarray(start));
  return { shape, data: fortran ? toCOrder(data, shape) : data };
}

/** A NumPy file of which parts can be read. */
export interface NpyFile {
  readonly shape: readonly number[];
  readonly type: NpyType;
  /** `count` numbers from number `first` on, in C order. Error: the file was cut off meanwhile. */
  read(first: number, count: number): NpyData;
  /** Gives the file back; nothing can be read from then on. */
  close(): void;
}

/** Opens a NumPy file of C order without reading its numbers. Errors as for `readNpy`, and Fortran order. */
export function openNpy(path: string): NpyFile {
  const what = "NumPy file";
  const { file, size } = openToRead(path, what);
  const close = () => closeSync(file);
  try {
    const head = readPart(file, 0, Math.min(size, npyHeadBytes), path);
    const { type, fortran, shape, start, bytes, numbers } = parseNpyHead(head, size, path);
    if (fortran)
      throw new UserError(`${path}: expected C order, got Fortran order; save it with numpy.ascontiguousarray`);
    const read = (first: number, count: number) => numbers(readPart(file, start + first * bytes, count * bytes, path));
    return { shape, type, read, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** An array in memory, to be read like a file. */
export const npyInMemory = ({ shape, data }: NpyArray): NpyFile => ({
  shape,
  type: typeOf(data),
  read: (first, count) => data.subarray(first, first + count),
  close: () => undefined,
});

const typeOf = (data: NpyData): NpyType =>
  (Object.keys(arrays) as NpyType[]).find((name) => data instanceof arrays[name])!;

/** What stands before the numbers of a NumPy file. */
export interface NpyHead {
  readonly shape: readonly number[];
  readonly type: NpyType;
  readonly fortran: boolean;
  /** Bytes before the first number. */
  readonly start: number;
  /** Bytes of one number. */
  readonly bytes: number;
  /** Numbers from their bytes, whose memory they may share. */
  numbers(bytes: Uint8Array): NpyData;
}

/** Bytes that hold the head of any file. */
export const npyHeadBytes = most.header + 12;

/** What the head of a file of `size` bytes says. Errors: no NumPy file, and one whose size is not what it asks for. */
export function parseNpyHead(bytes: Uint8Array, size: number, where: string): NpyHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || !magic.equals(bytes.subarray(0, magic.length))) {
    throw new UserError(`${where}: expected a NumPy file, which begins with \\x93NUMPY`);
  }
  const version = bytes[6];
  if (version < 1 || version > 3) throw new UserError(`${where}: expected .npy version 1, 2 or 3, got ${version}`);
  const from = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (from + length > bytes.length || length > most.header) {
    throw new UserError(`${where}: expected a header of ${length} bytes, got a file of ${size}`);
  }
  const text = Buffer.from(bytes.subarray(from, from + length)).toString(version === 3 ? "utf8" : "latin1");
  const { order, type, fortran, shape } = parseHeader(text, where);
  const start = from + length;
  const each = arrays[type].BYTES_PER_ELEMENT;
  const expected = shape.reduce((product, side) => product * side, each);
  if (expected !== size - start) {
    throw new UserError(`${where}: expected ${expected} bytes for ${type} (${shape.join(", ")}), got ${size - start}`);
  }
  return { shape, type, fortran, start, bytes: each, numbers: (content) => toNative(content, type, order) };
}

function parseHeader(header: string, where: string) {
  const field = (name: string, value: string) => new RegExp(`['"]${name}['"]\\s*:\\s*${value}`).exec(header)?.[1];
  const descr = field("descr", `(\\[|['"][^'"]*['"])`);
  if (descr?.includes("O")) {
    throw new UserError(`${where}: holds Python objects (${descr}); they are not opened, as that would run code`);
  }
  const [, order, type] = /^['"]([<>|=])(\w+)['"]$/.exec(descr ?? "") ?? [];
  if (!Object.hasOwn(arrays, type ?? "")) {
    throw new UserError(`${where}: expected type ${Object.keys(arrays).join(", ")}, got ${descr ?? "none"}`);
  }
  const fortran = field("fortran_order", "(True|False)");
  const sides = field("shape", "\\(([^)]*)\\)")?.split(",");
  if (fortran === undefined || sides === undefined) {
    throw new UserError(`${where}: expected fortran_order and shape in the header`);
  }
  if (sides.at(-1)?.trim() === "") sides.pop();
  const shape = sides.map((side) => (/^\s*\d+L?\s*$/.test(side) ? Number.parseInt(side, 10) : Number.NaN));
  const count = shape.reduce((product, side) => product * Math.max(side, 1), 1);
  if (shape.length > most.axes || !Number.isSafeInteger(count * 8)) {
    throw new UserError(
      `${where}: expected a shape of whole numbers, got (${sides.slice(0, 8).join(",").slice(0, 80)})`,
    );
  }
  return { order, type: type as NpyType, fortran: fortran === "True", shape };
}

/** A typed array over `bytes`, or over a copy where they are not aligned or have to be swapped. */
function toNative(bytes: Uint8Array, type: NpyType, order: string): NpyData {
  const size = arrays[type].BYTES_PER_ELEMENT;
  const swap = size > 1 && ((order === ">" && endianness() === "LE") || (order === "<" && endianness() === "BE"));
  const own = swap || bytes.byteOffset % size !== 0 ? new Uint8Array(bytes) : bytes;
  if (swap) {
    const buffer = Buffer.from(own.buffer as ArrayBuffer, own.byteOffset, own.byteLength);
    if (size === 2) buffer.swap16();
    else if (size === 4) buffer.swap32();
    else buffer.swap64();
  }
  return new arrays[type](own.buffer as ArrayBuffer, own.byteOffset, own.byteLength / size);
}

/** Fortran order has the first axis fastest; walk the result in C order and keep the offset in the source. */
function toCOrder(data: NpyData, shape: readonly number[]): NpyData {
  const result = data.slice();
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, side) => product * side, 1));
  walk(shape, strides, (to, from) => {
    result[to] = data[from] as number & bigint; // the two are of one type: values are only moved
  });
  return result;
}

/** The bytes of a version 1 file in C order, as NumPy writes them. Throws a UserError if data and shape differ in size. */
export function encodeNpy({ shape, data }: NpyArray): Uint8Array {
  const count = shape.reduce((product, side) => product * side, 1);
  if (count !== data.length) {
    throw new UserError(`.npy: expected ${count} values for shape (${shape.join(", ")}), got ${data.length}`);
  }
  const type = typeOf(data);
  const order = data.BYTES_PER_ELEMENT === 1 ? "|" : endianness() === "LE" ? "<" : ">";
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '${order}${type}', 'fortran_order': False, 'shape': (${sides}), }`;
  const total = Math.ceil((10 + header.length + 1) / 64) * 64;
  const bytes = new Uint8Array(total + data.byteLength);
  bytes.set(magic);
  bytes[6] = 1;
  new DataView(bytes.buffer).setUint16(8, total - 10, true);
  bytes.set(Buffer.from(`${header.padEnd(total - 11)}\n`, "latin1"), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), total);
  return bytes;
}

/** Writes a NumPy file; it appears under its name only when it is whole. */
export function writeNpy(path: string, array: NpyArray): void {
  writeAtomic(path, encodeNpy(array));
}
