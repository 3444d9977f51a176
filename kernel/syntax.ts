import * as ts from "@tslab/typescript-for-tslab";

/**
 * How far the text of a cell parses: `fine`; `open`, it ends inside a template or a comment; `broken`, a mistake that no
 * continuation can mend; `unfinished`, it stops too early. tslab itself only tells complete from incomplete.
 */
export type Syntax = "fine" | "open" | "broken" | "unfinished";

const OPEN_TEMPLATE = 1160;
const OPEN_COMMENT = 1010;

export function syntax(code: string): Syntax {
  const file = ts.createSourceFile("cell.ts", code, ts.ScriptTarget.Latest, false, ts.ScriptKind.TS);
  const errors = (file as { parseDiagnostics?: { code: number; start: number }[] }).parseDiagnostics ?? [];
  if (errors.length === 0) return "fine";
  if (errors.some((error) => error.code === OPEN_TEMPLATE || error.code === OPEN_COMMENT)) return "open";
  return errors.some((error) => error.start < code.trimEnd().length) ? "broken" : "unfinished";
}

/**
 * The same code with `{ x }` written as `{ x: x }` in object literals, lines unchanged: tslab finds variables of earlier
 * cells wherever their name stands, except in this short form.
 */
export function spellOutShorthands(code: string): string {
  const file = ts.createSourceFile("cell.ts", code, ts.ScriptTarget.Latest, false, ts.ScriptKind.TS);
  const names: ts.Identifier[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isShorthandPropertyAssignment(node)) names.push(node.name);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return names.reduceRight((text, { text: name, end }) => `${text.slice(0, end)}: ${name}${text.slice(end)}`, code);
}
