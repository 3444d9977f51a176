import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { parseObject } from "#kernel/json";
import { UserError } from "../types";

export type Answer = Record<string, unknown>;

/**
 * A process that answers requests: one JSON object a line on its stdin, one line back on its stdout, in order. Its first line,
 * which nobody asks for, says what it is.
 *
 * Errors: it cannot be started, it ends before it has answered, a line that is no JSON object, an answer { error }.
 */
export class Server {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly waiting: { done(answer: Answer): void; fail(error: Error): void }[] = [];
  private readonly gone: Promise<void>;
  private failure?: UserError;
  private complaint = "";

  /** Answers the first line. */
  readonly ready: Promise<Answer>;

  /** @param name what errors call it */
  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = process.env,
  ) {
    this.child = spawn(command, args, { env });
    this.ready = this.next();
    // Whoever awaits it later is told; until then it is not lost.
    this.ready.catch(() => undefined);
    this.child.stdin.on("error", () => undefined);
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.complaint = (this.complaint + text).slice(-4000);
    });
    createInterface(this.child.stdout).on("line", (line) => this.take(line));
    this.gone = new Promise((done) => {
      this.child.on("error", (error) => {
        this.fail(`does not start: ${error.message}`);
        done();
      });
      this.child.on("close", (status, signal) => {
        const last = this.complaint.trim().split("\n").at(-1);
        this.fail(
          `ended${status ? ` with status ${status}` : ""}${signal ? ` by ${signal}` : ""}${last && `: ${last}`}`,
        );
        done();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Sends a request and waits for its answer. */
  async ask(request: Answer): Promise<Answer> {
    if (this.failure) throw this.failure;
    const answer = this.next();
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    return answer;
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.gone;
  }

  private next(): Promise<Answer> {
    return new Promise((done, fail) => this.waiting.push({ done, fail }));
  }

  private take(line: string): void {
    const asked = this.waiting.shift();
    const answer = parseObject(line);
    if (!answer) asked?.fail(new UserError(`${this.name}: expected a JSON object, got ${line.slice(0, 80)}`));
    else if (typeof answer.error === "string") asked?.fail(new UserError(`${this.name}: ${answer.error}`));
    else asked?.done(answer);
  }

  private fail(reason: string): void {
    this.failure ??= new UserError(`${this.name} ${reason}`);
    for (const { fail } of this.waiting.splice(0)) fail(this.failure);
  }
}

/** A finite number of an answer. */
export function numberIn(server: Server, answer: Answer, name: string): number {
  const value = answer[name];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new UserError(`${server.name}: expected a number ${name}, got ${JSON.stringify(answer)}`);
}
