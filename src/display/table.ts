import type { DataFrame } from "danfojs-node";
import { UserError } from "../types";
import { brief } from "./axis";
import { DISPLAY, type Displayable, escapeHtml } from "./mime";

/** One row of a table: column name to value. */
export type TableRow = Readonly<Record<string, unknown>>;

/** What is used of a danfo DataFrame. */
export interface FrameLike {
  readonly columns: readonly string[];
  readonly index: readonly (string | number)[];
  readonly values: unknown;
}

export interface TableOptions {
  /** Digits after the point of numbers that are not whole; default: about four significant digits. */
  digits?: number;
  /** Written above the table; default none. */
  caption?: string;
  /** Show the row labels of a DataFrame; default: if they are not just 0, 1, 2, ... */
  index?: boolean;
}

/** A table as HTML and as aligned text. */
export interface Table extends Displayable {
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
  /** Aligned with spaces: what a terminal shows. */
  readonly text: string;
  /** With inline styles only; every value is escaped. */
  readonly html: string;
  /** The table as a danfo DataFrame to work on with: the given one, or made (and danfo loaded) at first use. */
  readonly dataFrame: DataFrame;
}

const isFrame = (data: object): data is FrameLike => "columns" in data && "values" in data && "index" in data;

/** Rows as a danfo DataFrame. danfo is loaded at first use. */
export function dataFrame(rows: readonly TableRow[]): DataFrame {
  const danfo = require("danfojs-node") as typeof import("danfojs-node");
  return new danfo.DataFrame(rows as object[]);
}

/** A value as a cell of a table shows it; missing ones are empty. */
export function format(value: unknown, digits?: number): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value)) return String(value).replace("-", "−");
  return digits === undefined ? brief(value) : value.toFixed(digits).replace("-", "−");
}

/** Columns in order of first appearance; a column of numbers stands to the right, all with as many digits as it needs. */
function read(data: FrameLike | readonly TableRow[], showIndex?: boolean) {
  if (!isFrame(data)) {
    const columns = [...new Set(data.flatMap((row) => Object.keys(row)))];
    return { columns, rows: data };
  }
  const values = data.values as readonly (readonly unknown[])[];
  const labels = data.index;
  const { index = labels.some((label, i) => label !== i) } = { index: showIndex };
  const rows = values.map(
    (row, i): TableRow => ({
      ...(index && { "": labels[i] }),
      ...Object.fromEntries(data.columns.map((column, k) => [column, row[k]])),
    }),
  );
  return { columns: [...(index ? [""] : []), ...data.columns], rows };
}

/**
 * A table of a danfo DataFrame or of plain objects (one per row; columns in order of first appearance, missing values
 * empty). Shown as `text/html` with `text/plain` beside it. Errors: nothing to show, digits outside 0 to 20.
 */
export function table(data: FrameLike | readonly TableRow[], options: TableOptions = {}): Table {
  const { digits, caption, index } = options;
  if (digits !== undefined && !(Number.isInteger(digits) && digits >= 0 && digits <= 20)) {
    throw new UserError(`digits: ${digits} is not a whole number from 0 to 20`);
  }
  const { columns, rows } = read(data, index);
  if (columns.length === 0) throw new UserError("no columns to show");
  const cells = rows.map((row) => columns.map((column) => format(row[column], digits)));
  const right = columns.map((column) => {
    const present = rows.map((row) => row[column]).filter((value) => value !== null && value !== undefined);
    return present.length > 0 && present.every((value) => typeof value === "number");
  });
  let frame = isFrame(data) ? (data as unknown as DataFrame) : undefined;
  const html = toHtml(columns, cells, right, caption);
  const text = toText(columns, cells, right, caption);
  return {
    columns,
    rows,
    text,
    html,
    get dataFrame() {
      frame ??= dataFrame(rows);
      return frame;
    },
    [DISPLAY]: () => ({ "text/html": html, "text/plain": text }),
  };
}

function toHtml(columns: readonly string[], cells: string[][], right: boolean[], caption?: string): string {
  const style = (k: number) => `text-align:${right[k] ? "right" : "left"};padding:3px 12px`;
  const head = columns.map((column, k) => `<th style="${style(k)}">${escapeHtml(column)}</th>`).join("");
  const body = cells.map(
    (row) => `<tr>${row.map((cell, k) => `<td style="${style(k)}">${escapeHtml(cell)}</td>`).join("")}</tr>`,
  );
  const title = caption
    ? `<caption style="caption-side:top;text-align:left;font-weight:bold;padding:4px 12px;color:inherit">${escapeHtml(caption)}</caption>`
    : "";
  const frame = "border-collapse:collapse;font-variant-numeric:tabular-nums";
  return `<table style="${frame}">${title}<thead style="border-bottom:1px solid #808080"><tr>${head}</tr></thead><tbody>\n${body.join("\n")}\n</tbody></table>`;
}

const lengthOf = (text: string) => [...text].length;

function toText(columns: readonly string[], cells: string[][], right: boolean[], caption?: string): string {
  const flat = cells.map((row) => row.map((cell) => cell.replace(/\s+/g, " ")));
  const widths = columns.map((column, k) => Math.max(lengthOf(column), ...flat.map((row) => lengthOf(row[k]))));
  const line = (row: readonly string[]) =>
    row
      .map((cell, k) => {
        const space = " ".repeat(widths[k] - lengthOf(cell));
        return right[k] ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [...(caption ? [caption] : []), line(columns), rule, ...flat.map(line)].join("\n");
}
