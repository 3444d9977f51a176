/**
 * Goes through an array in the order of its shape, the last axis fastest: visit(number of the entry, its place in memory), a
 * step along an axis being `strides[axis]` places.
 */
export function walk(
  shape: readonly number[],
  strides: readonly number[],
  visit: (entry: number, place: number) => void,
): void {
  const count = shape.reduce((product, side) => product * side, 1);
  const at = shape.map(() => 0);
  let place = 0;
  for (let entry = 0; entry < count; entry++) {
    visit(entry, place);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += strides[axis];
      if (++at[axis] < shape[axis]) break;
      place -= strides[axis] * shape[axis];
      at[axis] = 0;
    }
  }
}
