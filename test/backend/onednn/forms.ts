import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { OnednnBackend } from "#src/backend/onednn/backend";
import { enginePath } from "#src/backend/onednn/native";
import { floatsOf, mapSizes } from "#src/backend/onednn/storage";

/** Why tests of the engine are left out, or false. */
export const skip = existsSync(enginePath()) ? false : "the engine is not built";

export const engine = () => tf.backend() as unknown as OnednnBackend;

/** A copy of feature maps that lies in the engine in the blocked form alone. */
export function blocked<R extends tf.Rank>(x: tf.Tensor<R>): tf.Tensor<R> {
  const { info, buffer } = engine().output(x.shape, "blocked", x.dtype);
  engine().native.block(engine().buffer(x), buffer, ...mapSizes(x.shape));
  return tf.engine().makeTensorFromTensorInfo(info, engine()) as tf.Tensor<R>;
}

/** Throws where a blocked tensor's lanes without a channel are not 0. */
export function assertClearLanes(x: tf.Tensor): void {
  if (engine().form(x) === "plain") return;
  const lanes = new Float32Array(floatsOf(x.shape, "blocked"));
  engine().native.read(engine().buffer(x, "blocked"), lanes);
  const [batch, pixels, channels] = mapSizes(x.shape);
  const blocks = Math.ceil(channels / 16);
  for (const [i, value] of lanes.entries()) {
    const channel = (Math.floor(i / 16 / pixels) % blocks) * 16 + (i % 16);
    assert.ok(channel < channels || value === 0, `lane ${channel} of ${channels} holds ${value}`);
  }
  assert.equal(lanes.length, batch * blocks * pixels * 16);
}

export type Operation = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/** Inputs in every mix of forms; those that are no maps stay plain. */
export function mixes(inputs: tf.Tensor[]): tf.Tensor[][] {
  let all: tf.Tensor[][] = [[]];
  for (const input of inputs) {
    const forms = input.rank === 4 ? [input, blocked(input)] : [input];
    all = all.flatMap((rest) => forms.map((form) => [...rest, form]));
  }
  return all;
}

interface Comparison {
  /** Largest difference from the cpu's results; by default none. */
  allowed?: number;
  /** Compare gradients of all inputs too, with random weights of the results. */
  gradients?: boolean;
}

/**
 * Computes on the cpu backend and on the engine with inputs in every mix of forms, and compares results and gradients.
 * `make` makes the inputs on the backend in use.
 */
export async function compareWithCpu(
  f: Operation,
  make: () => tf.Tensor[],
  { allowed = 0, gradients = true }: Comparison = {},
): Promise<void> {
  const results = (inputs: tf.Tensor[]): tf.Tensor[] => {
    const list = (...given: tf.Tensor[]) => [f(...given)].flat();
    const out = list(...inputs);
    if (!gradients) return out;
    const weigh = (y: tf.Tensor) =>
      tf.tensor(
        Float32Array.from({ length: y.size }, (_, i) => Math.sin(i + 1)),
        y.shape,
      );
    const objective = (...given: tf.Tensor[]) =>
      list(...given)
        .map((y) => tf.sum(tf.mul(y, weigh(y))))
        .reduce((a, b) => tf.add(a, b)) as tf.Scalar;
    return [...out, ...tf.grads(objective)(inputs)];
  };
  await chooseBackend("cpu");
  const expected = tf.tidy(() =>
    results(make()).map((y) => ({ shape: y.shape, dtype: y.dtype, values: y.dataSync() })),
  );
  await chooseBackend("onednn");
  tf.tidy(() => {
    for (const inputs of mixes(make())) {
      const got = results(inputs);
      assert.equal(got.length, expected.length);
      for (const [i, { shape, dtype, values }] of expected.entries()) {
        assertClearLanes(got[i]);
        assert.deepEqual([got[i].shape, got[i].dtype], [shape, dtype]);
        const numbers = got[i].dataSync();
        const where = `result ${i}, forms ${inputs.map((input) => engine().form(input))}`;
        // As lists: typed arrays are compared by their bytes, and a NaN has many.
        if (allowed === 0) assert.deepEqual([...numbers], [...values], where);
        else for (const [k, value] of values.entries()) close(numbers[k], value, allowed, `${where}, entry ${k}`);
      }
    }
  });
}

function close(got: number, expected: number, allowed: number, where: string): void {
  const same = Object.is(got, expected) || got === expected || Math.abs(got - expected) <= allowed;
  assert.ok(same, `${where}: ${got}, the cpu gives ${expected}`);
}
