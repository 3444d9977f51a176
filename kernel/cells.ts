/** Runs cells: tslab checks, translates and executes; this part tells results, errors and interrupts apart. */
import { format } from "node:util";
import vm from "node:vm";
import { type ConvertResult, createConverter } from "tslab/dist/converter.js";
import { createExecutor } from "tslab/dist/executor.js";
import { printQuickInfo } from "tslab/dist/inspect.js";
import { spellOutShorthands } from "./syntax.js";
import { compileFailure, type Failure, interruptFailure, runFailure, type Script } from "./trace.js";

export type Outcome = { ok: true; hasResult: boolean; result: unknown } | { ok: false; failure: Failure };

export interface Completion {
  start: number;
  end: number;
  candidates: string[];
}

export interface Cells {
  /** Runs one cell to its end. Cells must not overlap. */
  run(code: string, count: number): Promise<Outcome>;
  complete(code: string, position: number): Completion;
  inspect(code: string, position: number): string | undefined;
  /** Ends the running cell at its next await. */
  interrupt(): void;
  close(): void;
}

/** The current directory is the root that modules and types are found from. */
export function createCells(): Cells {
  const scripts = new Map<string, Script>();
  const converter = createConverter({ isJS: false, isBrowser: false });
  let converted: ConvertResult | undefined;
  const checked = {
    ...converter,
    convert(declarations: string, code: string): ConvertResult {
      converted = converter.convert(declarations, spellOutShorthands(code));
      // tslab overlooks `await (x)`, `await [..]` and `for await` at top level. A cell that merely mentions await
      // takes no harm from running in an async function.
      if (converted.output !== undefined && /\bawait\b/.test(converted.output)) converted.hasToplevelAwait = true;
      return converted;
    },
  };
  let results: unknown[] = [];
  let errors: unknown[][] = [];
  const executor = createExecutor(
    process.cwd(),
    { node: checked, browser: checked, close: () => converter.close() },
    { log: (value) => results.push(value), error: (...parts) => errors.push(parts) },
  );

  async function run(code: string, count: number): Promise<Outcome> {
    converted = undefined;
    results = [];
    errors = [];
    const name = `cell-${count}.ts`;
    const restore = nameNextScript(name, () => scripts.set(name, { code, output: converted?.output ?? "" }));
    let ok: boolean;
    try {
      const ended = executor.execute(code);
      restore();
      ok = await ended;
    } catch (error) {
      return { ok: false, failure: runFailure(error, scripts) };
    } finally {
      restore();
    }
    // `converted` was filled in by the call above, which the compiler cannot see.
    const conversion = converted as ConvertResult | undefined;
    if (!ok) {
      if (conversion?.diagnostics.length) return { ok, failure: compileFailure(conversion.diagnostics, code, count) };
      const thrown = errors[0]?.[0];
      return { ok, failure: isInterrupt(thrown) ? interruptFailure() : runFailure(thrown, scripts) };
    }
    // Cells that define a module (`/** @module name */`) report their problems as text.
    for (const parts of errors) process.stderr.write(`${format(...parts)}\n`);
    return { ok, ...takeResult(conversion?.lastExpressionVar) };
  }

  /** tslab reports every last value but null and undefined. */
  function takeResult(variable: string | undefined): { hasResult: boolean; result: unknown } {
    if (results.length > 0) return { hasResult: true, result: results[0] };
    const isNull = variable !== undefined && executor.locals[variable] === null;
    if (variable !== undefined) delete executor.locals[variable];
    return { hasResult: isNull, result: null };
  }

  return {
    run,
    complete(code, position) {
      const { start, end, candidates } = executor.complete(code, position);
      return { start, end, candidates };
    },
    inspect(code, position) {
      const info = executor.inspect(code, position);
      return info ? printQuickInfo(info) : undefined;
    },
    interrupt: () => executor.interrupt(),
    close: () => executor.close(),
  };
}

/** tslab gives its scripts no name; stack traces need one per cell. Only the next script is named. */
function nameNextScript(filename: string, used: () => void): () => void {
  const original = vm.runInThisContext;
  const restore = (): void => {
    vm.runInThisContext = original;
  };
  vm.runInThisContext = (source, options) => {
    restore();
    used();
    return original(source, { ...(typeof options === "object" ? options : {}), filename });
  };
  return restore;
}

function isInterrupt(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ERR_SCRIPT_EXECUTION_INTERRUPTED" || error.message === "Interrupted asynchronously";
}
