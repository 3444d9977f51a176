/** A RADOLAN file of 2014-08-10 20:50 (or another minute), whose rows are given from the south: RY as two bytes a value, RX as one. */
export function radolanFile(product: "RY" | "RX", rows: readonly (readonly number[])[], minute = 50): Buffer {
  const [height, width] = [rows.length, rows[0].length].map((side) => `${side}`.padStart(4));
  const bytes = product === "RY" ? 2 : 1;
  const header = (total: string) =>
    `${product}1020${minute}100000814BY${total}VS 3SW   2.13.1PR E-02INT   5GP${height}x${width}MS 10<boo,ros>\x03`;
  const body = Buffer.alloc(bytes * rows.flat().length);
  for (const [i, value] of rows.flat().entries()) body.writeUIntLE(value, bytes * i, bytes);
  const total = `${header("       ").length + body.length}`.padStart(7);
  return Buffer.concat([Buffer.from(header(total), "latin1"), body]);
}
