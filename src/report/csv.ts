import { UserError } from "../types";

const quoted = (field: string) => (/[",\r\n]/.test(field) ? `"${field.replace(/"/g, '""')}"` : field);

/** One line of comma-separated values, without its end; what needs it stands in quotes (RFC 4180). Numbers keep all digits. */
export const csvLine = (fields: readonly (string | number)[]): string =>
  fields.map((field) => quoted(String(field))).join(",");

/** The fields of each row. Error: quotes that do not match; `path` names the file. */
export function parseCsv(text: string, path: string): string[][] {
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  const rows: string[][] = [];
  let row: string[] = [];
  while (field.lastIndex < text.length) {
    const found = field.exec(text);
    if (!found) throw new UserError(`${path} row ${rows.length + 1}: expected values between commas, got stray quotes`);
    row.push(found[1]?.replace(/""/g, '"') ?? found[2]);
    if (found[3] === ",") continue;
    rows.push(row);
    row = [];
  }
  return row.length > 0 ? [...rows, [...row, ""]] : rows;
}
