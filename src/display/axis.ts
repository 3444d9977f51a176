/** Places for the marks of an axis, and what to write there. */
export interface Ticks {
  readonly values: readonly number[];
  readonly labels: readonly string[];
}

const superscript = (n: number) =>
  String(n)
    .replace("-", "⁻")
    .replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]);

/** A number for an axis: a true minus sign, powers of ten where plain digits would be long. */
export function numeral(value: number, decimals: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) {
    const power = Math.floor(Math.log10(size) + 1e-9);
    const factor = Number((value / 10 ** power).toFixed(2));
    return `${factor === 1 ? "" : `${factor}×`}10${superscript(power)}`.replace("-", "−");
  }
  return value.toFixed(decimals).replace("-", "−");
}

/** A number with about four (or `digits`) significant digits, for titles and text. */
export function brief(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (value === 0 || size >= 1e6 || size < 1e-4) return numeral(value, 0);
  return numeral(value, Math.min(6, Math.max(0, digits - 1 - Math.floor(Math.log10(size)))));
}

/** Steps of 1, 2 or 5 times a power of ten: about `count` of them from `low` to `high`. */
export function linearTicks(low: number, high: number, count: number): Ticks {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.75)! * power;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const values: number[] = [];
  for (let i = Math.ceil(low / step - 1e-6); i * step <= high + step * 1e-6; i++) values.push(i * step);
  return { values, labels: values.map((value) => numeral(value, decimals)) };
}

/** Powers of ten, with 2 and 5 times them where there would be fewer than three marks. `low` > 0. */
export function logTicks(low: number, high: number): Ticks {
  const decades = Math.log10(high / low);
  const factors = decades > 2.5 ? [1] : decades > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9];
  const every = Math.max(1, Math.ceil(decades / 7));
  const values: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (power % every !== 0) continue;
    for (const factor of factors) {
      const value = factor * 10 ** power;
      if (value >= low * 0.9999 && value <= high * 1.0001) values.push(value);
    }
  }
  const decimals = (value: number) =>
    Math.max(0, -Math.floor(Math.log10(value) + 1e-9)) + (`${value}`.includes("15") ? 1 : 0);
  return { values, labels: values.map((value) => numeral(value, decimals(value))) };
}

/** Rounded up to 1, 1.5, 2, 3, 4, 5, 6 or 8 times a power of ten: ends for colour bars. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value * 0.9999)!;
  return Number((factor * power).toPrecision(3));
}
