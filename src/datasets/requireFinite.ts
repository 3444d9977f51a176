import { type Sequences, UserError } from "../types";

/**
 * Throws a UserError that names the first value which is NaN or infinite: what, clip (its identifier where `ids` are
 * given, else its number), frame, row, column and channel, all counted from 0. Returns its argument otherwise.
 */
export function requireFinite(sequences: Sequences, what: string, ids?: readonly string[]): Sequences {
  const { data, shape } = sequences;
  for (let i = 0; i < data.length; i++) {
    if (data[i] - data[i] === 0) continue;
    let rest = i;
    const [channel, column, row, frame, clip] = [...shape].reverse().map((side) => {
      const at = rest % side;
      rest = (rest - at) / side;
      return at;
    });
    const where = `clip ${ids?.[clip] ?? clip}, frame ${frame}, row ${row}, column ${column}, channel ${channel}`;
    throw new UserError(`${what}: expected finite values, got ${data[i]} at ${where}`);
  }
  return sequences;
}
