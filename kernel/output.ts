/** Sends what running code prints and displays to the cell it belongs to, and offers the host to that code. */
import { AsyncLocalStorage } from "node:async_hooks";
import * as tslabJupyter from "tslab/dist/jupyter.js";
import { cleanBundle } from "./display.js";
import { type DisplayOptions, HOST_KEY, type NotebookHost } from "./host.js";
import type { Transport } from "./transport.js";
import type { Content, Message } from "./wire.js";

/** One execution of a cell. */
export interface Run {
  request: Message;
  /** A silent run publishes nothing. */
  silent: boolean;
  interrupted: boolean;
}

export interface Output {
  /** Calls `work` so that all it starts, also after awaits, belongs to `run`. */
  within<T>(run: Run, work: () => Promise<T>): Promise<T>;
  publish(run: Run, type: string, content: Content): void;
  /** The run whose code is asking, else the latest one. */
  current(): Run | undefined;
  /** Writes to the terminal of the process that started the kernel. */
  log(line: string): void;
}

type Write = typeof process.stdout.write;

export function createOutput(transport: () => Transport | undefined): Output {
  // The storage holds numbers, because Node shows its contents when a promise is inspected.
  const runs = new AsyncLocalStorage<number>();
  const byNumber = new Map<number, Run>();
  const terminal = process.stderr.write.bind(process.stderr) as Write;
  let latest: Run | undefined;
  const current = (): Run | undefined => byNumber.get(runs.getStore() ?? -1) ?? latest;

  function publish(run: Run, type: string, content: Content): void {
    if (!run.silent) transport()?.publish(type, content, run.request);
  }

  function display(data: Record<string, unknown>, { metadata = {}, id, update = false }: DisplayOptions = {}): void {
    const run = current();
    if (run === undefined) throw new Error("display: no cell has been run yet");
    if (update && id === undefined) throw new Error("display: an update needs the id of the output to replace");
    const transient = id === undefined ? {} : { display_id: id };
    publish(run, update ? "update_display_data" : "display_data", { data: cleanBundle(data), metadata, transient });
  }

  function streamWrite(name: "stdout" | "stderr"): Write {
    return ((chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
      const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
      const run = current();
      if (run === undefined) terminal(text);
      else if (text !== "") publish(run, "stream", { name, text });
      const callback = typeof encoding === "function" ? encoding : done;
      if (typeof callback === "function") process.nextTick(callback as () => void);
      return true;
    }) as Write;
  }

  process.stdout.write = streamWrite("stdout");
  process.stderr.write = streamWrite("stderr");
  console.clear = () => {
    const run = current();
    if (run) publish(run, "clear_output", { wait: false });
  };
  const host: NotebookHost = {
    display,
    get interrupted() {
      return current()?.interrupted ?? false;
    },
  };
  Object.defineProperty(globalThis, HOST_KEY, { value: host, configurable: true });
  // tslab's own `display` object sends its data through this variable of its module.
  type TslabData = Parameters<typeof tslabJupyter.lastWriteDisplayData>[0];
  (tslabJupyter as { lastWriteDisplayData: unknown }).lastWriteDisplayData = (sent: TslabData, update?: boolean) =>
    display(sent.data, { metadata: sent.metadata, id: sent.transient?.display_id, update });

  return {
    within(run, work) {
      latest = run;
      byNumber.set(byNumber.size, run);
      return runs.run(byNumber.size - 1, work);
    },
    publish,
    current,
    log: (line) => void terminal(`${line}\n`),
  };
}
