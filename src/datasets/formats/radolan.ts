import { readFile } from "../../files";
import { UserError } from "../../types";
import { minutesOf } from "../radarTime";
import { plainBytes } from "./gzip";

/** A picture of the German weather service's composite, [height, width], north up. */
export interface Radolan {
  readonly product: "RY" | "RX";
  /** Minutes since 1970, UTC. */
  readonly time: number;
  /** Minutes that a sum spans. */
  readonly minutes: number;
  readonly height: number;
  readonly width: number;
  /** RY: mm in `minutes`. RX: dBZ. NaN where nothing was measured, or clutter. */
  readonly values: Float32Array;
}

/** Ends the header. */
const ETX = 3;

/** Bytes that no header exceeds. */
const MOST_HEADER = 4096;

/** The 16 bits of an RY value: 12 of them are the value. That it comes from a second method (0x1000) does not matter here. */
const ry = { value: 0x0fff, missing: 0x2000, negative: 0x4000, clutter: 0x8000, none: 2500 } as const;

/** Of the bytes of RX. */
const rx = { clutter: 249, none: 250 } as const;

/**
 * Reads a RADOLAN file, plain or gzip: RY, sums of rain, or RX, reflectivities, on any grid. The file's first row is the southernmost;
 * the result's is the northernmost.
 *
 * Throws a UserError with the path for a missing or damaged file, other products, and sizes that do not agree.
 * Source: Deutscher Wetterdienst, "RADOLAN/RADVOR: Beschreibung des Kompositformats". Tried on RY; RX on files made for the tests.
 */
export function readRadolan(path: string): Radolan {
  return parseRadolan(readFile(path, "RADOLAN file"), path);
}

/** The same from bytes in memory; `where` names them in errors. */
export function parseRadolan(bytes: Uint8Array, where: string): Radolan {
  const plain = plainBytes(bytes, where, (head) => parseHeader(head, where).size);
  const { product, time, minutes, height, width, start, scale } = parseHeader(plain, where);
  const view = new DataView(plain.buffer, plain.byteOffset + start);
  const values = new Float32Array(height * width);
  for (let row = 0; row < height; row++) {
    const from = (height - 1 - row) * width;
    for (let column = 0; column < width; column++) {
      const at = from + column;
      values[row * width + column] =
        product === "RY" ? scale * sumOf(view.getUint16(2 * at, true)) : reflectivityOf(view.getUint8(at));
    }
  }
  return { product, time, minutes, height, width, values };
}

function sumOf(bits: number): number {
  const value = bits & ry.value;
  if (bits & (ry.missing | ry.clutter) || value === ry.none) return Number.NaN;
  return bits & ry.negative ? -value : value;
}

const reflectivityOf = (byte: number): number =>
  byte === rx.none || byte === rx.clutter ? Number.NaN : byte / 2 - 32.5;

function parseHeader(bytes: Uint8Array, where: string) {
  const end = bytes.subarray(0, MOST_HEADER).indexOf(ETX);
  const text = Buffer.from(bytes.subarray(0, Math.max(end, 0))).toString("latin1");
  const [, product, day, clock, month, year, total] = /^(\w\w)(\d\d)(\d{4})\d{5}(\d\d)(\d\d)BY *(\d+)/.exec(text) ?? [];
  if (product === undefined)
    throw new UserError(`${where}: expected a RADOLAN file, whose header begins such as RY102050100000814BY1620134`);
  if (product !== "RY" && product !== "RX") throw new UserError(`${where}: expected product RY or RX, got ${product}`);
  const time = minutesOf(`${year}${month}${day}${clock}`);
  if (time === undefined) throw new UserError(`${where}: expected a time, got 20${year}-${month}-${day} ${clock}`);
  const field = (name: string, value: string) => {
    const found = new RegExp(`${name} *${value}`).exec(text);
    if (!found) throw new UserError(`${where}: expected ${name} in the header`);
    return found.slice(1).map(Number);
  };
  const [exponent] = field("PR", "E([-+]\\d\\d)");
  const [minutes] = field("INT", "(\\d+)");
  const [height, width] = field("GP", "(\\d+)x *(\\d+)");
  const start = end + 1;
  const size = start + height * width * (product === "RY" ? 2 : 1);
  if (Number(total) !== size || height * width === 0 || minutes === 0)
    throw new UserError(
      `${where}: expected ${size} bytes for ${height} x ${width}, its header says ${total}, INT ${minutes}`,
    );
  return { product, time, minutes, height, width, start, size, scale: 10 ** exponent } as const;
}
