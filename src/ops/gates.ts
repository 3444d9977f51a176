import * as tf from "@tensorflow/tfjs";
import { UsageError } from "../types";

/*
 * Gate activations and state updates of recurrent cells, each in one pass where the backend has a fused kernel of that name,
 * else composed of tfjs operations (`...Plain`). Tensors are [.., channels], feature maps [batch, H, W, channels] as a rule;
 * joined pre-activations have their gates one after another along the channels.
 *
 * The fused gradients recompute the activations from the inputs: a few exponentials cost less than writing the activations,
 * reading them back and keeping them until then; and tfjs would make a gradient of zeros for each of them in JavaScript.
 */

/** Names of fused kernels; the gradient's is the same with "Grad" behind it. */
export const LSTM_GATES = "LstmGates";
export const MEMORY_GATES = "MemoryGates";
export const OUTPUT_GATE = "OutputGate";
export const GRU_GATES = "GruGates";
export const HIGHWAY = "Highway";
export const gradientKernel = (kernelName: string): string => `${kernelName}Grad`;

/**
 * State update of the LSTM:
 *
 *     i, f, g, o = split(z);   c' = σ(f)⊙c + σ(i)⊙tanh(g);   h' = σ(o)⊙tanh(c')
 *
 * @param z pre-activations [.., 4C], in the order i, f, g, o
 * @param c cell state [.., C]
 * @returns [h', c'], each [.., C]
 */
export function lstmGates<T extends tf.Tensor>(z: T, c: T): [h: T, c: T] {
  check("lstmGates", c, [[z, 4]]);
  if (!fused(LSTM_GATES, z, c)) return lstmGatesPlain(z, c);
  return run(LSTM_GATES, { z, c }) as [T, T];
}

export function lstmGatesPlain<T extends tf.Tensor>(z: T, c: T): [h: T, c: T] {
  const [i, f, g, o] = tf.split(z, 4, -1) as T[];
  const next = tf.add<T>(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
  return [tf.mul(tf.sigmoid(o), tf.tanh(next)), next];
}

/** Variants of `memoryGates`. */
export interface MemoryOptions {
  /** What is kept of the memory: m itself, or tanh(m) as in Causal LSTM. Default: identity. */
  readonly memory?: "identity" | "tanh";
  /** `none`: all of it is kept, the channels f are unused and get no gradient, as in MIM. Default: gate. */
  readonly forget?: "gate" | "none";
}

/**
 * Update of a memory:
 *
 *     i, f, g = split(z);   m' = σ(f)⊙m + σ(i)⊙tanh(g)
 *
 * @param z pre-activations [.., 3C], in the order i, f, g
 * @param m memory [.., C]
 */
export function memoryGates<T extends tf.Tensor>(z: T, m: T, options: MemoryOptions = {}): T {
  check("memoryGates", m, [[z, 3]]);
  if (!fused(MEMORY_GATES, z, m)) return memoryGatesPlain(z, m, options);
  return run(MEMORY_GATES, { z, m }, { ...options, output: false })[0] as T;
}

/** As `memoryGates` with a fourth gate, z [.., 4C] in the order i, f, g, o: [m', o], o without activation. */
export function memoryAndOutput<T extends tf.Tensor>(z: T, m: T, options: MemoryOptions = {}): [m: T, o: T] {
  check("memoryAndOutput", m, [[z, 4]]);
  if (!fused(MEMORY_GATES, z, m)) return memoryAndOutputPlain(z, m, options);
  return run(MEMORY_GATES, { z, m }, { ...options, output: true }) as [T, T];
}

export function memoryGatesPlain<T extends tf.Tensor>(z: T, m: T, options: MemoryOptions = {}): T {
  return update(tf.split(z, 3, -1) as T[], m, options);
}

export function memoryAndOutputPlain<T extends tf.Tensor>(z: T, m: T, options: MemoryOptions = {}): [m: T, o: T] {
  const gates = tf.split(z, 4, -1) as T[];
  return [update(gates, m, options), gates[3]];
}

function update<T extends tf.Tensor>([i, f, g]: T[], m: T, { memory, forget }: MemoryOptions): T {
  const kept = memory === "tanh" ? tf.tanh(m) : m;
  const added = tf.mul<T>(tf.sigmoid(i), tf.tanh(g));
  return tf.add(forget === "none" ? kept : tf.mul<T>(tf.sigmoid(f), kept), added);
}

/** Activation of an output gate: σ as a rule, tanh in Causal LSTM. */
export interface OutputOptions {
  readonly gate?: "sigmoid" | "tanh";
}

/** gate(o)⊙tanh(u), both [.., C]. */
export function outputGate<T extends tf.Tensor>(o: T, u: T, options: OutputOptions = {}): T {
  check("outputGate", u, [[o, 1]]);
  if (!fused(OUTPUT_GATE, o, u)) return outputGatePlain(o, u, options);
  return run(OUTPUT_GATE, { o, u }, { ...options })[0] as T;
}

export function outputGatePlain<T extends tf.Tensor>(o: T, u: T, { gate }: OutputOptions = {}): T {
  return tf.mul(gate === "tanh" ? tf.tanh(o) : tf.sigmoid(o), tf.tanh(u));
}

/** Activation of the candidate of `gruGates`. */
export interface GruOptions {
  readonly activation?: "tanh" | "leaky";
  /** Factor of negative values, for `leaky`. Default: 0.2, as in TrajGRU. */
  readonly slope?: number;
}

/**
 * State update of the GRU:
 *
 *     z, r, n = split(.);   z = σ(zx+zh);   r = σ(rx+rh);   n = act(nx + r⊙nh);   h' = (1-z)⊙n + z⊙h
 *
 * @param zx what comes from the input [.., 3C], in the order z, r, n
 * @param zh what comes from the state [.., 3C], in the same order
 * @param h state [.., C]
 */
export function gruGates<T extends tf.Tensor>(zx: T, zh: T, h: T, options: GruOptions = {}): T {
  check("gruGates", h, [
    [zx, 3],
    [zh, 3],
  ]);
  if (!fused(GRU_GATES, zx, zh, h)) return gruGatesPlain(zx, zh, h, options);
  return run(GRU_GATES, { zx, zh, h }, { ...options })[0] as T;
}

/** Slope of `leaky` where none is given. */
export const LEAKY_SLOPE = 0.2;

export function gruGatesPlain<T extends tf.Tensor>(zx: T, zh: T, h: T, options: GruOptions = {}): T {
  const { activation, slope = LEAKY_SLOPE } = options;
  const [updateX, resetX, freshX] = tf.split(zx, 3, -1) as T[];
  const [updateH, resetH, freshH] = tf.split(zh, 3, -1) as T[];
  const z = tf.sigmoid(tf.add(updateX, updateH));
  const sum = tf.add<T>(freshX, tf.mul(tf.sigmoid(tf.add(resetX, resetH)), freshH));
  const n = activation === "leaky" ? tf.leakyRelu(sum, slope) : tf.tanh(sum);
  return tf.add(n, tf.mul(z, tf.sub(h, n)));
}

/**
 * Gradient highway of PredRNN++:
 *
 *     p, s = split(ps);   z' = σ(s)⊙tanh(p) + (1-σ(s))⊙z
 *
 * @param ps pre-activations [.., 2C], in the order p, s
 * @param z state [.., C]
 */
export function highway<T extends tf.Tensor>(ps: T, z: T): T {
  check("highway", z, [[ps, 2]]);
  if (!fused(HIGHWAY, ps, z)) return highwayPlain(ps, z);
  return run(HIGHWAY, { ps, z })[0] as T;
}

export function highwayPlain<T extends tf.Tensor>(ps: T, z: T): T {
  const [p, s] = tf.split(ps, 2, -1) as T[];
  return tf.add(z, tf.mul<T>(tf.sigmoid(s), tf.sub(tf.tanh(p), z)));
}

function check(name: string, state: tf.Tensor, wide: [tensor: tf.Tensor, gates: number][]): void {
  for (const [{ shape }, gates] of wide) {
    const expected = state.shape.map((size, axis) => (axis === state.rank - 1 ? gates * size : size));
    if (state.rank === 0 || !tf.util.arraysEqual(shape, expected)) {
      throw new UsageError(
        `${name}: expected gates of shape [${expected}] for a state of [${state.shape}], got [${shape}]`,
      );
    }
  }
}

const fused = (kernelName: string, ...inputs: tf.Tensor[]): boolean =>
  tf.getKernel(kernelName, tf.getBackend()) !== undefined &&
  inputs.every(({ dtype, size }) => dtype === "float32" && size > 0);

function run(kernelName: string, inputs: Record<string, tf.Tensor>, attrs: object = {}): tf.Tensor[] {
  const result = tf.engine().runKernel(kernelName, inputs, attrs as tf.NamedAttrMap) as tf.Tensor | tf.Tensor[];
  return Array.isArray(result) ? result : [result];
}

/** The gradient kernel takes the same inputs and the gradients of the outputs, and gives the inputs' gradients in order. */
function register(kernelName: string, inputs: string[], outputGradients: string[]): void {
  tf.registerGradient({
    kernelName,
    inputsToSave: inputs,
    gradFunc: (dy, saved, attrs) => {
      const named = (names: string[], tensors: tf.Tensor[]) =>
        Object.fromEntries(tensors.map((tensor, i) => [names[i], tensor]));
      const given = { ...named(inputs, saved), ...named(outputGradients, ([] as tf.Tensor[]).concat(dy)) };
      // All gradients come from one pass, so it runs here and not in the functions that are called one by one.
      const gradients = run(gradientKernel(kernelName), given, attrs);
      return Object.fromEntries(inputs.map((name, i) => [name, () => gradients[i]]));
    },
  });
}

register(LSTM_GATES, ["z", "c"], ["dh", "dNext"]);
register(MEMORY_GATES, ["z", "m"], ["dNext", "dOutput"]);
register(OUTPUT_GATE, ["o", "u"], ["dh"]);
register(GRU_GATES, ["zx", "zh", "h"], ["dNext"]);
register(HIGHWAY, ["ps", "z"], ["dNext"]);
