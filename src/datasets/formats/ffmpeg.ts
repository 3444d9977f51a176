import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { type EventEmitter, once } from "node:events";
import { pipeline } from "node:stream/promises";
import { UserError } from "../../types";

/** For every run: it asks nothing, ends at the first error, and takes at most 256 MiB at once. */
const always = ["-nostdin", "-v", "level+warning", "-xerror", "-filter_threads", "1", "-max_alloc", `${2 ** 28}`];

/** Characters of its complaints that are kept. */
const MOST_TEXT = 2 ** 16;

/** A running ffmpeg. Whoever starts one stops it, whatever happens. */
export class Ffmpeg {
  private complaints = "";
  private readonly closed: Promise<number | null>;

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    this.closed = new Promise((done) => child.once("close", done));
    // What goes wrong with them shows in its status.
    const parts: EventEmitter[] = [child, child.stdin, child.stdout, child.stderr];
    for (const part of parts) part.on("error", () => undefined);
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (this.complaints.length < MOST_TEXT) this.complaints += text;
    });
  }

  /** Starts it, without a shell. Error: it is not installed. */
  static async start(args: readonly string[]): Promise<Ffmpeg> {
    const child = spawn("ffmpeg", [...always, ...args], { stdio: "pipe" });
    try {
      await once(child, "spawn");
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT") throw new UserError(`ffmpeg does not start: ${message}`);
      throw new UserError("ffmpeg not found, which reads and writes videos; to install it: apt-get install ffmpeg");
    }
    return new Ffmpeg(child);
  }

  /** What it writes, as fast as it is taken. Error: nothing comes for `stall` seconds; `where` begins it. */
  async *output(stall: number, where: string): AsyncGenerator<Buffer, void, void> {
    const chunks = this.child.stdout[Symbol.asyncIterator]();
    for (;;) {
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        this.child.kill("SIGKILL");
      }, 1000 * stall);
      const next = await chunks.next().finally(() => clearTimeout(timer));
      if (late) throw new UserError(`${where}: ffmpeg gave nothing for ${stall} s`);
      if (next.done) return;
      yield next.value;
    }
  }

  /** Gives it all input, as fast as it takes it. Errors of `input` itself; where ffmpeg ends before, `end` says why. */
  async feed(input: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      await pipeline(input, this.child.stdin);
    } catch (error) {
      if (!["EPIPE", "ERR_STREAM_PREMATURE_CLOSE"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }

  /** Whether it has said so. */
  hasSaid(text: string): boolean {
    return this.complaints.includes(text);
  }

  /** Waits for its end. Error: it failed, with its first complaint after `what`. */
  async end(what: string): Promise<void> {
    this.child.stdout.resume();
    const status = await this.closed;
    if (status === 0) return;
    const [, reason] = /\[(?:error|fatal|panic)\] (.*)/.exec(this.complaints) ?? [];
    throw new UserError(`${what} (${reason?.slice(0, 200) ?? `ffmpeg ended with ${status ?? "a signal"}`})`);
  }

  /** Ends it, and waits until it is gone. */
  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    this.child.stdin.destroy();
    this.child.stdout.destroy();
    await this.closed;
  }
}
