import { readFile, writeAtomic } from "../files";
import { UserError } from "../types";

/** One named array of a safetensors file. */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The content of a safetensors file: arrays by name, and the free text of its `__metadata__`. */
export interface NamedArrays {
  readonly tensors: ReadonlyMap<string, NamedArray>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a safetensors file (8 bytes little-endian header length, JSON header, raw data), float32 tensors only.
 *
 * Errors: missing file, truncated file, header that is not JSON, offsets outside the file or that disagree with the
 * shape, other data types. Each names the file and the tensor.
 */
export function readSafetensors(path: string): NamedArrays {
  return parseSafetensors(readFile(path, "safetensors file"), path);
}

/** As `readSafetensors`, from bytes; `path` only names the source in errors. */
export function parseSafetensors(bytes: Uint8Array, path: string): NamedArrays {
  const fail = (reason: string) => new UserError(`${path}: not a safetensors file: ${reason}`);
  if (bytes.byteLength < 8) throw fail(`expected at least 8 bytes, got ${bytes.byteLength}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  const start = 8 + headerLength;
  if (start > bytes.byteLength) {
    throw fail(`header of ${headerLength} bytes announced, but the file has ${bytes.byteLength} bytes`);
  }
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + 8, headerLength).toString("utf8"));
  } catch {
    throw fail("its header is not JSON");
  }
  if (header === null || typeof header !== "object" || Array.isArray(header)) throw fail("its header is no object");
  const tensors = new Map<string, NamedArray>();
  const metadata: Record<string, string> = {};
  const size = bytes.byteLength - start;
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      for (const [key, value] of Object.entries(entry ?? {})) metadata[key] = String(value);
      continue;
    }
    const { dtype, shape, data_offsets: range } = (entry ?? {}) as Record<string, unknown>;
    if (dtype !== "F32") throw fail(`tensor ${name} has dtype ${String(dtype)}, expected F32`);
    if (!isSizes(shape) || !isSizes(range) || range.length !== 2)
      throw fail(`tensor ${name} has no valid shape or offsets`);
    const [from, to] = range;
    const length = shape.reduce((product, side) => product * side, 1);
    if (from > to || to > size) throw fail(`tensor ${name} ends at byte ${to}, but the file has ${size} bytes of data`);
    if (to - from !== 4 * length)
      throw fail(`tensor ${name} of shape [${shape}] needs ${4 * length} bytes, has ${to - from}`);
    // A copy, because the file gives no alignment to 4 bytes.
    const data = new Float32Array(length);
    new Uint8Array(data.buffer).set(bytes.subarray(start + from, start + to));
    tensors.set(name, { shape, data });
  }
  return { tensors, metadata };
}

/** Writes a safetensors file atomically: float32, tensors in the order given, header padded to 8 bytes. */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, NamedArray]>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, " ");
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeAtomic(path, length, padded, ...parts);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
