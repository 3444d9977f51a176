import { createInterface } from "node:readline";

/** Answers one kind of request. */
type Handler = (request: never) => object | Promise<object>;

/**
 * Makes this process one that `Server` talks to: a JSON object a line on stdin, its field `do` naming the handler, and one line
 * back. `end` is answered, and ends the process; an error is answered in one line.
 */
export async function serve(handlers: Record<string, Handler>): Promise<void> {
  const answer = (values: object): void => void process.stdout.write(`${JSON.stringify(values)}\n`);
  answer({ ready: true });
  for await (const line of createInterface(process.stdin)) {
    const request = JSON.parse(line) as { do: string };
    try {
      answer(await handlers[request.do](request as never));
    } catch (error) {
      answer({ error: (error as Error).message.split("\n")[0] });
    }
    if (request.do === "end") break;
  }
  process.exit(0);
}
