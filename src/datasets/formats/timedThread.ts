import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type TransferListItem,
  Worker,
} from "node:worker_threads";

/** Seconds in which a thread of ours has loaded its code, on the slowest of machines. */
const START_SECONDS = 60;

interface Running {
  readonly worker: Worker;
  readonly port: MessagePort;
  /** How many messages the thread has sent; changes wake who waits for one. */
  readonly sent: Int32Array;
}

/**
 * A thread that is asked one thing at a time and waited for, but not for ever: for code that a bad file can bring down or keep
 * for good. What it has is lost where it is ended; the next question starts it anew.
 */
export class TimedThread {
  private running?: Running;
  private ending: Promise<unknown> = Promise.resolve();

  /** @param path of the compiled module, which calls `answerQuestions` */
  constructor(private readonly path: string) {}

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /** What the thread answers; nothing where that takes longer, and then it is ended. */
  ask(question: unknown, seconds: number): unknown {
    const running = this.running ?? this.start();
    running.port.postMessage(question);
    const message = next(running, seconds);
    if (!message) this.end();
    return message?.answer;
  }

  end(): void {
    // It ends by itself a little later, also in the middle of a loop.
    this.ending = Promise.all([this.ending, this.running?.worker.terminate()]);
    this.running = undefined;
  }

  /** Waits until the threads that were ended are gone: their memory is given back only when the program has its turn. */
  async settled(): Promise<void> {
    await this.ending;
  }

  private start(): Running {
    const { port1: port, port2 } = new MessageChannel();
    const sent = new Int32Array(new SharedArrayBuffer(4));
    // What the code in it prints stays unread.
    const options = { workerData: { port: port2, sent }, transferList: [port2], stdout: true, stderr: true };
    const worker = new Worker(this.path, options);
    worker.unref();
    // One that fell does not answer: who asks is told.
    worker.on("error", () => undefined);
    this.running = { worker, port, sent };
    if (next(this.running, START_SECONDS)) return this.running;
    this.end();
    throw new Error(`${this.path}: the thread does not start`);
  }
}

/** The next message, waiting for it at most so long. */
function next({ port, sent }: Running, seconds: number): { answer: unknown } | undefined {
  const end = performance.now() + 1000 * seconds;
  for (;;) {
    const before = Atomics.load(sent, 0);
    const message = receiveMessageOnPort(port);
    if (message) return message.message;
    const left = end - performance.now();
    if (left <= 0) return undefined;
    Atomics.wait(sent, 0, before, left);
  }
}

/** In the thread: what it answers with, and what of that is moved instead of copied. */
export interface Answer {
  readonly answer: unknown;
  readonly move?: readonly TransferListItem[];
}

/** In the thread: answers questions from now on. @param given the thread's `workerData` */
export function answerQuestions(given: unknown, answer: (question: never) => Answer): void {
  const { port, sent } = given as Pick<Running, "port" | "sent">;
  const send = ({ answer, move = [] }: Answer) => {
    port.postMessage({ answer }, [...move]);
    Atomics.add(sent, 0, 1);
    Atomics.notify(sent, 0);
  };
  port.on("message", (question) => send(answer(question as never)));
  send({ answer: "ready" });
}
