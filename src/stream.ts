import * as tf from "@tensorflow/tfjs";
import { type CompileOptions, compile, type Step } from "./compile";
import { requireFinite } from "./datasets/requireFinite";
import { sliceTime } from "./datasets/sliceTime";
import type { Model, ModelParams } from "./model";
import { requireContext, requireHorizon } from "./rollout";
import type { StackState } from "./stack";
import { disposeTree, leaves } from "./tree";
import { type Frames, type Sequences, UserError } from "./types";

/** Forecasts of frames that come one at a time. Calls are carried out in their order, so none need wait for another. */
export interface ForecastStream {
  /** Frames seen since the beginning or the last `reset`. */
  readonly frames: number;
  /**
   * Takes in the next frame, [height, width, channels], or frames of one or several clips, which all later frames then have too.
   * The numbers are copied. Errors: frames of another size, of other clips than before, not finite.
   */
  push(next: Float32Array | Sequences): Promise<void>;
  /**
   * The frames that follow those seen, [batch, horizon, height, width, channels], not clipped: to the last bit what `predict` gives
   * for all of them. The stream stays as it is. Errors: no frame yet, a horizon that is no whole number from 1.
   */
  forecast(horizon: number): Promise<Sequences>;
  /** Forgets all frames; the next ones may be of another number of clips. */
  reset(): Promise<void>;
  /** Gives back state and recordings, not the parameters; nothing can be called from then on. */
  dispose(): Promise<void>;
}

interface StepInputs {
  readonly [name: string]: tf.Tensor | ModelParams | StackState;
  readonly params: ModelParams;
  readonly frame: Frames;
  /** Empty before the first frame. */
  readonly state: StackState;
}
type After = { readonly prediction: Frames; readonly state: StackState };

/**
 * The first step makes its zeros itself, as `predict` does: where a convolution knows of zeros it leaves them out, which could
 * change the order of sums.
 */
const streamStep =
  (model: Model): Step<Record<string, never>, StepInputs, After> =>
  (none, { params, frame, state }) => {
    const before = leaves(state).length > 0 ? state : model.zeroState(frame.shape[0]);
    const { prediction, state: next } = model.step(params, frame, before);
    return { state: none, outputs: { prediction, state: next } };
  };

/**
 * Forecasts while frames arrive. The state stays on the engine, one step of the network is recorded where the backend can, and
 * memory does not grow with the number of frames.
 *
 * ```ts
 * const stream = streamForecasts(model, params);
 * for await (const frame of camera) {
 *   await stream.push(frame);
 *   show(frames({ forecast: await stream.forecast(10) }));
 * }
 * await stream.dispose();
 * ```
 */
export function streamForecasts(
  model: Model,
  params: ModelParams,
  { onFallback }: Pick<CompileOptions, "onFallback"> = {},
): ForecastStream {
  const step = compile(streamStep(model), { onFallback });
  const { height, width, channels } = model.frame;
  let after: After | undefined;
  let frames = 0;
  /** Clips of what was pushed, whether it is through or not. */
  let batch: number | undefined;
  let ended = false;
  let last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all earlier calls are through, whether they failed or not. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  }
  function requireOpen() {
    if (ended) throw new UserError("the stream was disposed: nothing can be pushed or forecast any more");
  }
  function forget() {
    if (after) disposeTree(after);
    after = undefined;
    frames = 0;
  }
  const advance = async (frame: Frames, state: StackState): Promise<After> =>
    (await step.run({}, { params, frame, state }))!.outputs;

  /** What was pushed as sequences, checked. */
  function checked(next: Float32Array | Sequences): Sequences {
    const given: Sequences =
      next instanceof Float32Array ? { data: next, shape: [1, 1, ...frameShape(next.length)] } : next;
    requireContext(model, given.shape, "pushed clip");
    const size = given.shape.reduce((product, side) => product * side, 1);
    if (given.data.length !== size)
      throw new UserError(`pushed clip: ${given.data.length} values do not fill the shape [${given.shape.join(", ")}]`);
    if (batch !== undefined && given.shape[0] !== batch)
      throw new UserError(`frames of ${given.shape[0]} clips were pushed, expected ${batch} like those before`);
    return requireFinite(given, "pushed clip");
  }
  function frameShape(length: number): readonly [number, number, number] {
    if (length === height * width * channels) return [height, width, channels];
    throw new UserError(
      `pushed frame has ${length} values, expected ${height} x ${width} x ${channels} = ${height * width * channels} (${model.name})`,
    );
  }

  /** Takes in frame `t` of all clips. */
  async function take(given: Sequences, t: number) {
    const { data } = sliceTime(given, t, t + 1);
    const frame = tf.tensor4d(data, [given.shape[0], height, width, channels]);
    try {
      const next = await advance(frame, after?.state ?? {});
      if (after) disposeTree(after);
      after = next;
      frames++;
    } finally {
      frame.dispose();
    }
  }

  return {
    get frames() {
      return frames;
    },

    async push(next) {
      requireOpen();
      const { data, shape } = checked(next);
      batch = shape[0];
      const own = { data: data.slice(), shape };
      await inTurn(async () => {
        for (let t = 0; t < shape[1]; t++) await take(own, t);
      });
    },

    async forecast(horizon) {
      requireOpen();
      requireHorizon(horizon);
      return inTurn(async () => {
        if (!after) throw new UserError("nothing to forecast from: expected a frame first, got none");
        const shape = [after.prediction.shape[0], horizon, height, width, channels] as const;
        const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
        let at = after;
        try {
          for (let t = 0; t < horizon; t++) {
            if (t > 0) {
              const next = await advance(at.prediction, at.state);
              if (at !== after) disposeTree(at);
              at = next;
            }
            putFrame(data, shape, t, (await at.prediction.data()) as Float32Array);
          }
        } finally {
          if (at !== after) disposeTree(at);
        }
        return { data, shape };
      });
    },

    async reset() {
      requireOpen();
      batch = undefined;
      await inTurn(async () => forget());
    },

    async dispose() {
      if (ended) return;
      ended = true;
      await inTurn(async () => {
        forget();
        step.dispose();
      });
    },
  };
}

/** Writes frame `t` of every clip. */
function putFrame(data: Float32Array, shape: Sequences["shape"], t: number, values: Float32Array): void {
  const [batch, time] = shape;
  const size = values.length / batch;
  for (let clip = 0; clip < batch; clip++) {
    data.set(values.subarray(clip * size, (clip + 1) * size), (clip * time + t) * size);
  }
}
