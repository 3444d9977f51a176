import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend, Precision } from "./backend/onednn/backend";
import { type ProfileEntry, type RecordedProgram, recordProgram, Unrecordable } from "./backend/onednn/program";
import { leaves, mapTree, unflatten } from "./tree";
import { type Tree, UserError } from "./types";

/** A pure function of tensors: all it knows comes in, all it remembers goes out; it opens no files and draws no numbers. */
export type Step<S extends Tree, I extends Tree, O extends Tree> = (state: S, inputs: I) => { state: S; outputs: O };

export interface CompileOptions {
  /**
   * Keep only what passes from one time step to the next, and compute the inside of a step again for its gradient: less
   * memory for more time, the same numbers. Of recorded steps only. Default false.
   */
  rematerialize?: "step" | false;
  /** What the function depends on besides its arguments; another key is another recording. Default "". */
  key?: string;
  /** Record anew every so many runs and compare, to find out that the function depends on something else. Default never. */
  recheck?: number;
  /**
   * The state that is given to a run is used up: its memory takes the new state. Where an output is not finite it stays as it
   * was, and the run gives it back as the new one. Default false.
   */
  donate?: boolean;
  /** Never record: run operation by operation on every backend. Default false. */
  eager?: boolean;
  /**
   * "bf16": convolutions read maps and weights in bfloat16 (8 bits of mantissa) and add up in float32; everything else, states
   * and optimiser included, stays float32. For processors with AVX512_BF16. The results of one convolution differ from
   * float32's by less than 1 % of their largest entry (tests); over layers and time steps that adds up, most in the
   * gradients of a trained network. Default "f32".
   */
  precision?: Precision;
  /**
   * Told once, in one line, where the function cannot be recorded and runs operation by operation instead; on a backend that
   * records nothing, only where an option needs that.
   */
  onFallback?: (reason: string) => void;
}

/** What `compile` gives. */
export interface Compiled<S extends Tree, I extends Tree, O extends Tree> {
  /**
   * The next state and the outputs, new tensors that belong to the caller; the given tensors stay as they are, but for a
   * donated state. Nothing where the run was cancelled. The event loop stays free while the engine computes.
   */
  run(state: S, inputs: I): Promise<{ state: S; outputs: O } | undefined>;
  /** Stops a run that is under way, within one operation. */
  cancel(): void;
  /** Time of every native command of one run. Errors: where the function is not recorded. */
  profile(state: S, inputs: I): Promise<ProfileEntry[]>;
  /** What was recorded last; nothing before the first run, and where the function runs operation by operation. */
  readonly program: RecordedProgram | undefined;
  dispose(): void;
}

/** Programs of other shapes that are kept ready. */
const KEPT = 4;

/**
 * Records a step once for each set of shapes, plans its memory, and from then on runs it as one native program: none of its
 * JavaScript runs again. Where the backend cannot record (all but `onednn`), or an operation cannot be recorded, the step
 * runs operation by operation.
 */
export function compile<S extends Tree, I extends Tree, O extends Tree>(
  step: Step<S, I, O>,
  {
    rematerialize = false,
    key = "",
    recheck = 0,
    donate = false,
    eager = false,
    precision = "f32",
    onFallback = () => {},
  }: CompileOptions = {},
): Compiled<S, I, O> {
  interface Recording {
    readonly program: RecordedProgram;
    readonly like: { state: S; outputs: O };
    runs: number;
  }
  const recordings = new Map<string, Recording>();
  let refused = eager;
  let told = false;
  const rematerializes = rematerialize === "step";
  if (eager && rematerializes)
    throw new UserError("rematerialize is of recorded steps, and eager ones are not recorded");
  const exact: Step<S, I, O> = (state, inputs) => withPrecision(precision, () => step(state, inputs));
  let current: RecordedProgram | undefined;

  function record(state: S, inputs: I): Recording {
    let like: { state: S; outputs: O } | undefined;
    const program = recordProgram(
      tf.backend() as unknown as OnednnBackend,
      (given) => {
        const count = leaves(state).length;
        like = exact(unflatten(state, given.slice(0, count)), unflatten(inputs, given.slice(count)));
        return tensorsOf(like.state, like.outputs);
      },
      tensorsOf(state, inputs),
      { rematerialize: rematerializes, donated: donate ? leaves(state).length : 0 },
    );
    return { program, like: like as { state: S; outputs: O }, runs: 0 };
  }

  function fallBack(reason: string): void {
    if (!told)
      onFallback(`the step runs operation by operation${rematerializes ? ", not rematerialised" : ""}: ${reason}`);
    told = true;
  }

  function recorded(state: S, inputs: I): Recording | undefined {
    if (refused) return undefined;
    if (tf.getBackend() !== "onednn") {
      if (rematerializes) fallBack(`steps are recorded on onednn, not on ${tf.getBackend()}`);
      return undefined;
    }
    const shapes = [key, ...tensorsOf(state, inputs).map(({ dtype, shape }) => `${dtype} ${shape}`)].join("; ");
    const known = recordings.get(shapes);
    if (known && !(recheck > 0 && known.runs > 0 && known.runs % recheck === 0)) return known;
    try {
      const recording = record(state, inputs);
      const difference = known?.program.difference(recording.program);
      if (known && difference) {
        recording.program.dispose();
        throw new UserError(`after ${known.runs} runs ${difference} differs from the first recording of the step`);
      }
      known?.program.dispose();
      if (known) recording.runs = known.runs;
      recordings.set(shapes, recording);
      const [oldest] = recordings.keys();
      if (recordings.size > KEPT) {
        recordings.get(oldest)?.program.dispose();
        recordings.delete(oldest);
      }
      return recording;
    } catch (error) {
      if (!(error instanceof Unrecordable)) throw error;
      refused = true;
      fallBack(error.message);
      return undefined;
    }
  }

  async function eagerly(state: S, inputs: I): Promise<{ state: S; outputs: O }> {
    const given = new Set(tensorsOf(state, inputs));
    const own = <T extends Tree>(tree: T): T => mapTree(tree, (leaf) => (given.has(leaf) ? tf.clone(leaf) : leaf));
    const after: { state: S; outputs: O } = tf.tidy(() => {
      const result = exact(state, inputs);
      return { state: own(result.state), outputs: own(result.outputs) } as unknown as tf.TensorContainerObject;
    }) as never;
    if (!donate) return after;
    const outputs = await Promise.all(tensorsOf(after.outputs).map((output) => output.data()));
    const finite = outputs.every((values) => values.every(Number.isFinite));
    tf.dispose(tensorsOf(finite ? state : after.state));
    return finite ? after : { state, outputs: after.outputs };
  }

  return {
    async run(state, inputs) {
      const recording = recorded(state, inputs);
      current = recording?.program;
      if (!recording) return eagerly(state, inputs);
      recording.runs++;
      const results = await recording.program.run(tensorsOf(state, inputs));
      if (!results) return undefined;
      const { like } = recording;
      const count = leaves(like.state).length;
      return {
        state: unflatten(like.state, results.slice(0, count)),
        outputs: unflatten(like.outputs, results.slice(count)),
      };
    },

    async profile(state, inputs) {
      const recording = recorded(state, inputs);
      if (!recording) throw new Error("a step that is not recorded has no profile");
      return recording.program.profile(tensorsOf(state, inputs));
    },

    cancel: () => current?.cancel(),

    get program() {
      return current;
    },

    dispose() {
      for (const { program } of recordings.values()) program.dispose();
      recordings.clear();
      current = undefined;
    },
  };
}

/** Runs `work` with convolutions in a precision. Error: this backend or processor does not have it. */
function withPrecision<T>(precision: Precision, work: () => T): T {
  if (precision === "f32") return work();
  const backend = tf.backend() as OnednnBackend;
  if (tf.getBackend() !== "onednn" || !backend.native.bf16) {
    throw new UserError(
      `precision bf16 needs the onednn engine on a processor with AVX512_BF16 (here: ${tf.getBackend()})`,
    );
  }
  const before = backend.precision;
  backend.precision = precision;
  try {
    return work();
  } finally {
    backend.precision = before;
  }
}

const tensorsOf = (...trees: Tree[]): tf.Tensor[] => trees.flatMap((tree) => leaves(tree).map(([, leaf]) => leaf));
