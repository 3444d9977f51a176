import * as tf from "@tensorflow/tfjs";
import { withPlaces } from "../../place";
import { UserError } from "../../types";
import type { OnednnBackend } from "./backend";
import type { Buffer } from "./native";
import { apart, type Form } from "./storage";

/** A recording in the engine. */
type Program = number;

/** Functions of native/ops/program.cpp. */
export interface ProgramFunctions {
  recordBegin(): void;
  recordInput(floats: number): Buffer;
  recordLabel(name: string): void;
  recordTime(step: number): void;
  recordLayer(layer: number): void;
  recordEnd(outputs: readonly Buffer[]): Program;
  recordAbandon(): void;
  programDifference(program: Program, other: Program): string;
  programPlan(program: Program, rematerialize: boolean, donated: number): { memoryBytes: number; commands: number };
  programRun(program: Program, inputs: readonly Buffer[], outputs: readonly Buffer[]): Promise<Ending>;
  programProfile(program: Program, inputs: readonly Buffer[], outputs: readonly Buffer[]): Promise<ProfileEntry[]>;
  programCancel(program: Program): void;
  programDrop(program: Program): void;
}

/** `refused`: an output has numbers that are not finite, so donated inputs stayed as they were. */
type Ending = "done" | "cancelled" | "refused";

/** One command: operation, time step, layer (-1 outside), seconds. */
export type ProfileEntry = [operation: string, time: number, layer: number, seconds: number];

/** Shape, type and form of an output. */
interface OutputSpec {
  readonly shape: number[];
  readonly dtype: tf.DataType;
  readonly form: Form;
}

/** A recorded function of tensors: planned once, run any number of times without the JavaScript that was recorded. */
export interface RecordedProgram {
  /** Memory that values inside need, besides inputs and outputs. */
  readonly memoryBytes: number;
  /** Native commands of one run. */
  readonly commands: number;
  /** What a new recording of the same function differs in, or nothing. */
  difference(other: RecordedProgram): string;
  /**
   * Output tensors, or nothing where it was cancelled. Inputs must have the shapes that were recorded. The first outputs have
   * the memory of donated inputs, which are disposed; they are these inputs where another output is not finite.
   */
  run(inputs: readonly tf.Tensor[]): Promise<tf.Tensor[] | undefined>;
  profile(inputs: readonly tf.Tensor[]): Promise<ProfileEntry[]>;
  /** A run that is under way stops within one command. */
  cancel(): void;
  dispose(): void;
}

/** Why a function cannot be recorded, naming the operation. */
export class Unrecordable extends Error {}

/**
 * Records `f` twice, on shapes only: nothing is computed. What differs between the two recordings, such as a random draw or
 * a rate that is no input, would be frozen silently, so it is an error that names the operation.
 *
 * @param like tensors of the inputs' shapes and types
 * @param options.donated so many first inputs give their memory to the outputs of the same number
 */
export function recordProgram(
  backend: OnednnBackend,
  f: (inputs: tf.Tensor[]) => tf.Tensor[],
  like: readonly tf.Tensor[],
  { rematerialize = false, donated = 0 }: { rematerialize?: boolean; donated?: number } = {},
): RecordedProgram {
  const { native } = backend;
  const first = recordOnce(backend, f, like, donated);
  try {
    const second = recordOnce(backend, f, like, donated);
    const difference = native.programDifference(first.program, second.program);
    native.programDrop(second.program);
    if (difference) {
      throw new UserError(`${difference} differs between two recordings of one step; make it an input of the step`);
    }
  } catch (error) {
    native.programDrop(first.program);
    throw error;
  }
  const { program, outputs } = first;
  const plan = native.programPlan(program, rematerialize, donated);
  let dropped = false;
  const operands = (inputs: readonly tf.Tensor[]) => {
    if (dropped) throw new Error("a disposed program cannot run");
    const given = inputs.map((input) => backend.buffer(input));
    const made = outputs.slice(donated).map(({ shape, form, dtype }) => backend.output(shape, form, dtype));
    return { given, made };
  };
  const tensor = ({ info }: { info: tf.TensorInfo }) => tf.engine().makeTensorFromTensorInfo(info, backend);
  /** Numbers that another tensor shares cannot be given away. */
  const whole = (input: tf.Tensor, i: number) =>
    i < donated && backend.stored(input.dataId).refCount > 1 ? tf.add(input, 0) : input;
  const recorded: RecordedProgram = {
    ...plan,
    difference: (other) => native.programDifference(program, ids.get(other) ?? 0),
    async run(all) {
      const inputs = all.map(whole);
      const { given, made } = operands(inputs);
      const complete = native.programRun(
        program,
        given,
        made.map(({ buffer }) => buffer),
      );
      const tensors = made.map(tensor);
      const copies = inputs.filter((input, i) => input !== all[i]);
      let ending: Ending = "cancelled";
      try {
        ending = await complete;
      } finally {
        if (ending !== "done") tf.dispose(copies);
        if (ending === "cancelled") tf.dispose(tensors);
      }
      if (ending === "cancelled") return undefined;
      if (ending === "refused") return [...all.slice(0, donated), ...tensors];
      const after = inputs.slice(0, donated).map((input) => tensor({ info: backend.handOver(input) }));
      tf.dispose([...inputs.slice(0, donated), ...all.slice(0, donated)]);
      return [...after, ...tensors];
    },
    async profile(inputs) {
      const { given, made } = operands(inputs);
      const entries = native.programProfile(
        program,
        given,
        made.map(({ buffer }) => buffer),
      );
      for (const { info } of made) backend.disposeIntermediateTensorInfo(info);
      return entries;
    },
    cancel: () => {
      if (!dropped) native.programCancel(program);
    },
    dispose: () => {
      if (dropped) return;
      dropped = true;
      forgotten.unregister(recorded);
      native.programDrop(program);
    },
  };
  ids.set(recorded, program);
  forgotten.register(recorded, () => native.programDrop(program), recorded);
  return recorded;
}

/** Gives back the memory of programs that nobody holds any more. */
const forgotten = new FinalizationRegistry<() => void>((drop) => drop());

const ids = new WeakMap<RecordedProgram, Program>();

function recordOnce(
  backend: OnednnBackend,
  f: (inputs: tf.Tensor[]) => tf.Tensor[],
  like: readonly tf.Tensor[],
  donated: number,
): { program: Program; outputs: OutputSpec[] } {
  const { native } = backend;
  native.recordBegin();
  try {
    return apart(() => {
      let program = 0;
      let outputs: OutputSpec[] = [];
      tf.tidy(() => {
        const proxies = like.map(({ shape, dtype }) => {
          const info = backend.makeTensorInfo(shape, dtype);
          backend.stored(info.dataId).own(native.recordInput(tf.util.sizeFromShape(shape)), shape, "plain");
          return tf.engine().makeTensorFromTensorInfo(info, backend);
        });
        const places = { time: (step: number) => native.recordTime(step), layer: (i: number) => native.recordLayer(i) };
        const results = backend.whileRecording(() => withPlaces(places, () => f(proxies)));
        native.recordLabel("output");
        const formOf = (result: tf.Tensor, i: number) => (i < donated ? "plain" : backend.form(result));
        const buffers = results.map((result, i) => {
          if (!backend.computable(result)) throw new Unrecordable(`output ${i} is ${result.dtype} [${result.shape}]`);
          return backend.buffer(result, formOf(result, i));
        });
        outputs = results.map((result, i) => ({ shape: result.shape, dtype: result.dtype, form: formOf(result, i) }));
        program = native.recordEnd(buffers);
      });
      return { program, outputs };
    });
  } catch (error) {
    native.recordAbandon();
    // Outside of all operations somebody has asked a tensor for its numbers.
    const { message } = error as Error;
    throw error instanceof Unrecordable || !/while recording/.test(message) ? error : new Unrecordable(message);
  }
}
