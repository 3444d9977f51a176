/** Which line of a cell a line of its executed JavaScript comes from; worked out only when an error is shown. */
import * as ts from "@tslab/typescript-for-tslab";

/**
 * One cell line (from 0) per line of `output`; undefined where a line has no origin. The whole map is undefined when
 * translating the cell once more, this time with a source map, does not give the lines that were executed.
 */
export function lineMap(code: string, output: string): (number | undefined)[] | undefined {
  const names = [...new Set([...output.matchAll(/\bexports\.([\w$]+) = /g)].map((match) => match[1]))];
  const kept = names.filter((name) => !/^tsLastExpr\d*$/.test(name));
  const suffix = kept.length > 0 ? `\nexport {${kept.join(", ")}}` : "";
  const { outputText, sourceMapText } = ts.transpileModule(`export {};\n${code}${suffix}`, {
    fileName: "cell.ts",
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2022,
      esModuleInterop: true,
      noImplicitUseStrict: true,
      experimentalDecorators: true,
      newLine: ts.NewLineKind.LineFeed,
      sourceMap: true,
    },
  });
  if (sourceMapText === undefined) return undefined;
  const mapped = firstOrigins((JSON.parse(sourceMapText) as { mappings: string }).mappings);
  const again = outputText.split("\n").filter((line) => !line.startsWith("//# sourceMappingURL"));
  const executed = output.split("\n");
  // Lines are matched by their text: the executed ones may carry extra "exports.x = " and lines that only export.
  const result: (number | undefined)[] = [];
  let next = 0;
  for (const line of executed) {
    const text = bare(line);
    let at = next;
    while (at < again.length && bare(again[at]) !== text) at++;
    if (at === again.length) {
      result.push(undefined);
      continue;
    }
    const origin = mapped[at];
    result.push(origin === undefined || origin < 1 ? undefined : origin - 1);
    next = at + 1;
  }
  return result;
}

function bare(line: string): string {
  return line
    .replace(/\bexports\./g, "")
    .replace(/\btsLastExpr\d* = /g, "")
    .replace(/\(0, ([\w$.]+)\)/g, "$1")
    .trim();
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The original line of the first mapped piece of every generated line, from a source map's `mappings`. */
function firstOrigins(mappings: string): (number | undefined)[] {
  let origin = 0;
  return mappings.split(";").map((line) => {
    let first: number | undefined;
    for (const piece of line.split(",")) {
      const fields = decodePiece(piece);
      if (fields.length < 4) continue;
      origin += fields[2];
      first ??= origin;
    }
    return first;
  });
}

function decodePiece(piece: string): number[] {
  const fields: number[] = [];
  let value = 0;
  let shift = 0;
  for (const letter of piece) {
    const digit = DIGITS.indexOf(letter);
    value += (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    fields.push(value & 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return fields;
}
