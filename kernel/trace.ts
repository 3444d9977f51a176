/** Errors as Jupyter shows them: name, message, and a trace in the lines of the cell. */
import { inspect } from "node:util";
import type { Diagnostic } from "tslab/dist/converter.js";
import { lineMap } from "./lines.js";
import { projectRoot } from "./paths.js";

export interface Failure {
  ename: string;
  evalue: string;
  traceback: string[];
}

/** A cell that was run: what was written and what was executed. */
export interface Script {
  code: string;
  output: string;
}

const INTERNAL = /node:|evalmachine|[\\/]tslab[\\/]dist[\\/]|[\\/]dist[\\/]kernel[\\/]/;

export function interruptFailure(): Failure {
  return {
    ename: "Interrupted",
    evalue: "the cell was interrupted",
    traceback: ["Interrupted: the cell was interrupted"],
  };
}

/** The cell does not compile: every message with its line, the line itself, and a mark below it. */
export function compileFailure(found: Diagnostic[], code: string, count: number): Failure {
  // Errors 4000 to 4099 are about the declaration tslab keeps of a cell, and mostly follow from another error.
  const own = found.filter((diagnostic) => diagnostic.code < 4000 || diagnostic.code >= 4100);
  const diagnostics = own.length > 0 ? own : found;
  const lines = code.split("\n");
  const traceback: string[] = [];
  for (const { start, end, messageText, code: number, fileName } of diagnostics) {
    const place = `${fileName ?? `cell ${count}`}, line ${start.line + 1}, column ${start.character + 1}`;
    traceback.push(`${place}: error TS${number}: ${messageText}`);
    const source = fileName === undefined ? lines[start.line] : undefined;
    if (source === undefined) continue;
    const width = end.line === start.line ? Math.max(1, end.character - start.character) : 1;
    traceback.push(`    ${source}`, `    ${" ".repeat(start.character)}${"~".repeat(width)}`);
  }
  const [first] = diagnostics;
  const where = first.fileName === undefined ? `line ${first.start.line + 1}` : first.fileName;
  return { ename: "TypeScriptError", evalue: `${first.messageText} (${where})`, traceback };
}

/** The cell threw. */
export function runFailure(error: unknown, scripts: ReadonlyMap<string, Script>): Failure {
  if (!(error instanceof Error)) {
    const evalue = typeof error === "string" ? error : inspect(error, { depth: 2 });
    return { ename: "Thrown", evalue, traceback: [`Thrown: ${evalue}`] };
  }
  const ename = String(error.name || error.constructor.name);
  const evalue = String(error.message);
  const traceback = [`${ename}: ${evalue}`, ...frames(error, scripts)];
  for (let cause = error.cause, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    traceback.push(`Caused by ${cause.name}: ${cause.message}`, ...frames(cause, scripts));
  }
  return { ename, evalue, traceback };
}

function frames(error: Error, scripts: ReadonlyMap<string, Script>): string[] {
  const shown: string[] = [];
  for (const line of String(error.stack ?? "").split("\n")) {
    if (!/^\s+at /.test(line) || INTERNAL.test(line)) continue;
    const cell = /cell-(\d+)\.ts:(\d+):\d+/.exec(line);
    if (cell === null) {
      shown.push(line.replaceAll(projectRoot, "."));
      continue;
    }
    const script = scripts.get(`cell-${cell[1]}.ts`);
    const at = script && lineMap(script.code, script.output)?.[Number(cell[2]) - 1];
    // Lines around the cell's own: the function tslab wraps it in.
    if (at === undefined && shown.length > 0) continue;
    const place = at === undefined ? `cell ${cell[1]}` : `cell ${cell[1]}, line ${at + 1}`;
    const name = /^\s+at (?!cell-)(?:Proxy\.)?(.+?) \(/.exec(line)?.[1];
    shown.push(name ? `    at ${name} (${place})` : `    at ${place}`);
    // The first line of the user's own code that the error passed through says most.
    if (script && at !== undefined && !shown.some((text) => text.startsWith("      >"))) {
      shown.push(`      > ${script.code.split("\n")[at].trim()}`);
    }
  }
  return shown;
}
