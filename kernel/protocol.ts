/** Answers Jupyter's requests. Cells run one after another; every other request is answered at once. */
import { isCompleteCode } from "tslab/dist/converter.js";
import type { Cells, Outcome } from "./cells.js";
import { asText, toBundle } from "./display.js";
import { createHistory } from "./history.js";
import type { Output, Run } from "./output.js";
import { DISPLAY_NAME, TSLAB_VERSION } from "./spec.js";
import { syntax } from "./syntax.js";
import { type Failure, runFailure } from "./trace.js";
import type { Channel, Listener, Transport } from "./transport.js";
import type { Content, Message } from "./wire.js";

/** After a failed cell, requests already on their way get this long to arrive and be aborted with the others. */
const ABORT_MS = 30;

export interface ProtocolOptions {
  cells: Cells;
  output: Output;
  transport: () => Transport | undefined;
  /** Ends the process, once replies have left. */
  exit: () => void;
}

export function createProtocol({ cells, output, transport, exit }: ProtocolOptions): Listener {
  const history = createHistory();
  let count = 0;
  let running: Promise<void> = Promise.resolve();
  /** Requests that arrived before the latest failure carry an older generation. */
  let generation = 0;

  async function execute(message: Message, born: number): Promise<Content> {
    const { code, silent, store_history, stop_on_error, user_expressions } = readExecute(message.content);
    if (born < generation) return { status: "aborted", execution_count: count };
    if (store_history) count++;
    const run: Run = { request: message, silent, interrupted: false };
    output.publish(run, "execute_input", { code, execution_count: count });
    const entry = store_history ? history.add(count, code) : undefined;
    const outcome = await output.within(run, async () => show(run, await cells.run(code, count)));
    if (outcome.ok) {
      if (entry) entry.output = outcome.text ?? null;
      const expressions = Object.keys(user_expressions).map((name) => [name, UNSUPPORTED_EXPRESSION]);
      return {
        status: "ok",
        execution_count: count,
        user_expressions: Object.fromEntries(expressions),
        payload: [],
      };
    }
    if (stop_on_error) {
      await new Promise((done) => setTimeout(done, ABORT_MS));
      generation++;
    }
    return { status: "error", execution_count: count, ...outcome.failure, user_expressions: {}, payload: [] };
  }

  /** Publishes the result or the error of a cell. */
  async function show(
    run: Run,
    outcome: Outcome,
  ): Promise<{ ok: true; text?: string } | { ok: false; failure: Failure }> {
    if (outcome.ok && outcome.hasResult) {
      try {
        const data = await toBundle(outcome.result);
        output.publish(run, "execute_result", { execution_count: count, data, metadata: {} });
        return { ok: true, text: String(data["text/plain"] ?? asText(outcome.result)) };
      } catch (error) {
        return fail(run, runFailure(error, new Map()));
      }
    }
    return outcome.ok ? { ok: true } : fail(run, outcome.failure);
  }

  function fail(run: Run, failure: Failure): { ok: false; failure: Failure } {
    // A plain loop is stopped before our own signal handler could note it.
    if (failure.ename === "Interrupted") run.interrupted = true;
    output.publish(run, "error", { ...failure });
    return { ok: false, failure };
  }

  function interrupt(): void {
    const run = output.current();
    if (run) run.interrupted = true;
    cells.interrupt();
  }
  process.on("SIGINT", interrupt);

  const answers: Record<string, (content: Content) => Content> = {
    kernel_info_request: () => kernelInfo(),
    is_complete_request: ({ code }) => isComplete(String(code ?? "")),
    complete_request: ({ code, cursor_pos }) => {
      const { text, at } = readCursor(code, cursor_pos);
      const { start, end, candidates } = cells.complete(text, at);
      const points = (index: number): number => [...text.slice(0, index)].length;
      return { status: "ok", matches: candidates, cursor_start: points(start), cursor_end: points(end), metadata: {} };
    },
    inspect_request: ({ code, cursor_pos }) => {
      const { text, at } = readCursor(code, cursor_pos);
      const found = cells.inspect(text, at);
      return {
        status: "ok",
        found: found !== undefined,
        data: found === undefined ? {} : { "text/plain": found },
        metadata: {},
      };
    },
    history_request: (content) => ({ status: "ok", history: history.find(content) }),
    comm_info_request: () => ({ status: "ok", comms: {} }),
    interrupt_request: () => {
      interrupt();
      return { status: "ok" };
    },
    shutdown_request: ({ restart }) => {
      setTimeout(exit, 50);
      return { status: "ok", restart: restart === true };
    },
  };

  async function handle(channel: Channel, message: Message, work: () => Content | Promise<Content>): Promise<void> {
    const type = message.header.msg_type;
    transport()?.publish("status", { execution_state: "busy" }, message);
    let content: Content;
    try {
      content = await work();
    } catch (error) {
      content = { status: "error", ...runFailure(error, new Map()) };
    }
    const replyType = type.replace(/_request$/, "_reply");
    transport()?.reply(channel, message, replyType, content);
    if (type === "shutdown_request") transport()?.publish(replyType, content, message);
    transport()?.publish("status", { execution_state: "idle" }, message);
  }

  const report = (error: unknown): void => output.log(`ms-rnn kernel: ${(error as Error).stack}`);

  return {
    request(channel, message) {
      const type = message.header.msg_type;
      if (type === "execute_request") {
        const born = generation;
        running = running.then(() => handle(channel, message, () => execute(message, born))).catch(report);
        return;
      }
      // Comms and answers to questions we never ask need no reply; an unknown request must not leave a client waiting.
      if (!type.endsWith("_request")) return;
      const known = Object.hasOwn(answers, type) ? answers[type] : undefined;
      handle(channel, message, () => {
        if (known === undefined) throw new Error(`${DISPLAY_NAME} does not know the request ${type}`);
        return known(message.content);
      }).catch(report);
    },
    malformed: (reason) => output.log(`ms-rnn kernel: dropped a ${reason}`),
  };
}

const UNSUPPORTED_EXPRESSION = {
  status: "error",
  ename: "Unsupported",
  evalue: "user_expressions are not evaluated by this kernel",
  traceback: [],
};

function readExecute(content: Content) {
  const silent = content.silent === true;
  const expressions = content.user_expressions;
  return {
    code: typeof content.code === "string" ? content.code : "",
    silent,
    store_history: !silent && content.store_history !== false,
    stop_on_error: content.stop_on_error !== false,
    user_expressions: typeof expressions === "object" && expressions !== null ? expressions : {},
  };
}

/** Jupyter counts the cursor in Unicode characters, JavaScript in UTF-16 units. */
function readCursor(code: unknown, position: unknown): { text: string; at: number } {
  const text = typeof code === "string" ? code : "";
  const at = typeof position === "number" ? [...text].slice(0, position).join("").length : text.length;
  return { text, at };
}

function isComplete(code: string): Content {
  const verdict = syntax(code);
  if (verdict === "broken") return { status: "invalid" };
  const { completed, indent } = isCompleteCode(code);
  if (!completed) return { status: "incomplete", indent: indent ?? "" };
  if (verdict === "fine") return { status: "complete" };
  return verdict === "open" ? { status: "incomplete", indent: "" } : { status: "invalid" };
}

function kernelInfo(): Content {
  return {
    status: "ok",
    protocol_version: "5.3",
    implementation: "ms-rnn",
    implementation_version: TSLAB_VERSION,
    language_info: {
      name: "typescript",
      version: "5.0.4",
      mimetype: "text/typescript",
      file_extension: ".ts",
      pygments_lexer: "typescript",
      // The classic notebook knows TypeScript as a flavour of its JavaScript mode.
      codemirror_mode: { mode: "typescript", name: "javascript", typescript: true },
      nbconvert_exporter: "script",
    },
    banner: `${DISPLAY_NAME} on tslab ${TSLAB_VERSION}, Node ${process.version}`,
    help_links: [],
  };
}
