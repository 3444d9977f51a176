/** What was run in this session, for history requests. It is kept in memory only. */
import type { Content } from "./wire.js";

const SESSION = 1;

interface Entry {
  line: number;
  input: string;
  output: string | null;
}

export interface History {
  add(line: number, input: string): Entry;
  /** Answers a history_request: a list of [session, line, input] or [session, line, [input, output]]. */
  find(request: Content): unknown[];
}

export function createHistory(): History {
  const entries: Entry[] = [];

  function select(request: Content): Entry[] {
    const n = typeof request.n === "number" ? request.n : entries.length;
    switch (request.hist_access_type) {
      case "range": {
        if (request.session !== 0 && request.session !== undefined && request.session !== SESSION) return [];
        const start = typeof request.start === "number" ? request.start : 1;
        const stop = typeof request.stop === "number" ? request.stop : Number.POSITIVE_INFINITY;
        return entries.filter(({ line }) => line >= start && line < stop);
      }
      case "search": {
        const pattern = globToRegExp(String(request.pattern ?? "*"));
        const found = entries.filter(({ input }) => pattern.test(input));
        const kept = request.unique === true ? lastOfEach(found) : found;
        return n > 0 ? kept.slice(-n) : [];
      }
      default:
        return n > 0 ? entries.slice(-n) : [];
    }
  }

  return {
    add(line, input) {
      const entry: Entry = { line, input, output: null };
      entries.push(entry);
      return entry;
    },
    find(request) {
      return select(request).map(({ line, input, output }) => [
        SESSION,
        line,
        request.output === true ? [input, output] : input,
      ]);
    },
  };
}

function lastOfEach(entries: Entry[]): Entry[] {
  return [...new Map(entries.map((entry) => [entry.input, entry])).values()];
}

/** Search patterns are globs: `*` is any text, `?` any character. */
function globToRegExp(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*/g, ".*").replace(/\?/g, ".")}$`, "s");
}
