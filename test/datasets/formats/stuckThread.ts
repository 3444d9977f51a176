import { workerData } from "node:worker_threads";
import { answerQuestions } from "#src/datasets/formats/timedThread";

/** A thread that does as it is told, also what it should not. */
let asked = 0;
answerQuestions(workerData, (question: number | "loop" | "fall" | "print") => {
  asked++;
  if (question === "loop") for (;;);
  if (question === "fall") throw new Error("fell");
  if (question === "print") console.error("what nobody reads");
  const answer = Float64Array.of(asked, 2 * Number(question));
  return { answer, move: [answer.buffer as ArrayBuffer] };
});
