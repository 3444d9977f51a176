import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { beforeEach, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import type { OnednnBackend } from "#src/backend/onednn/backend";
import { enginePath } from "#src/backend/onednn/native";
import { values } from "../../gradient";

const skip = existsSync(enginePath()) ? false : "the engine is not built";
const backend = () => tf.backend() as unknown as OnednnBackend;

/** Numbers that only the engine holds, blocked. */
function blocked(shape: [number, number, number, number]): tf.Tensor4D {
  const x = values<tf.Rank.R4>(shape, "x");
  const { info, buffer } = backend().output(shape, "blocked");
  backend().native.block(backend().buffer(x), buffer, shape[0], shape[1] * shape[2], shape[3]);
  x.dispose();
  return tf.engine().makeTensorFromTensorInfo(info, backend()) as tf.Tensor4D;
}

describe("memory of the onednn backend", { skip }, () => {
  beforeEach(async () => {
    await chooseBackend("onednn");
  });

  test("maps come back from the blocked form, and keep padding lanes at 0", () => {
    for (const shape of [
      [1, 1, 1, 1],
      [2, 3, 5, 17],
      [5, 2, 2, 48],
      [1, 4, 3, 3],
    ] as [number, number, number, number][]) {
      const x = values<tf.Rank.R4>(shape, "x");
      const there = blocked(shape);
      assert.equal(backend().form(there), "blocked");
      assert.deepEqual(there.dataSync(), x.dataSync());
      const lanes = new Float32Array(shape[0] * shape[1] * shape[2] * Math.ceil(shape[3] / 16) * 16);
      backend().native.read(backend().buffer(there, "blocked"), lanes);
      assert.equal(lanes.filter((value) => value !== 0).length, x.size);
      tf.dispose([x, there]);
    }
  });

  test("a blocked tensor reads right after it was reshaped, and back", async () => {
    const x = blocked([2, 3, 5, 17]);
    const expected = values([2, 3, 5, 17], "x").dataSync();
    const flat = tf.reshape(x, [2 * 3 * 5, 17]);
    const other = tf.reshape(flat, [2, 5, 3, 17]);
    assert.deepEqual(await flat.data(), expected);
    assert.deepEqual(backend().form(other), "plain");
    backend().buffer(other, "blocked");
    assert.deepEqual(other.dataSync(), expected);
    assert.deepEqual(tf.reshape(other, [2, 3, 5, 17]).dataSync(), expected);
  });

  test("an array may be used again right after a tensor was made of it", () => {
    const values = Float32Array.from([1, 2, 3]);
    const x = tf.tensor(values);
    values.fill(9);
    backend().buffer(x);
    assert.deepEqual([...x.dataSync()], [1, 2, 3]);
    (x.dataSync() as Float32Array).fill(7);
    assert.deepEqual([...x.dataSync()], [1, 2, 3]);
  });

  test("reading later gives the numbers of that moment, without waiting", async () => {
    const x = tf.tidy(() => tf.matMul(tf.ones([600, 600]), tf.ones([600, 600])));
    const reading = x.data();
    x.dispose();
    tf.tidy(() => tf.matMul(tf.zeros([600, 600]), tf.ones([600, 600])));
    assert.equal(
      (await reading).every((value) => value === 600),
      true,
    );
  });

  test("disposing gives everything back to the pool", () => {
    const before = backend().native.state();
    const x = blocked([2, 3, 5, 17]);
    x.dataSync();
    backend().derive(x, "something", () => backend().native.allocate(10));
    assert.equal(backend().native.state().buffers, before.buffers + 3);
    x.dispose();
    assert.deepEqual(backend().native.state().buffers, before.buffers);
    assert.equal(backend().native.state().usedBytes, before.usedBytes);
  });

  test("booleans lie in the engine as 0 and 1 and come back as booleans", () => {
    const x = tf.tensor([true, false, true], [3], "bool");
    backend().buffer(x);
    const y = tf.reshape(x, [3, 1]);
    assert.equal(y.dtype, "bool");
    assert.deepEqual([...y.dataSync()], [1, 0, 1]);
  });

  test("other types and empty tensors stay with tfjs's own kernels", () => {
    assert.equal(backend().computable(tf.tensor([1, 2], [2], "int32")), false);
    assert.equal(backend().computable(tf.tensor([], [0, 3])), false);
    assert.deepEqual([...tf.add(tf.tensor([1, 2], [2], "int32"), 5).dataSync()], [6, 7]);
    assert.deepEqual(tf.matMul(tf.zeros([0, 3]), tf.zeros([3, 2])).shape, [0, 2]);
    const z = tf.complex([1, 2], [3, 4]);
    assert.deepEqual([...tf.imag(z).dataSync()], [3, 4]);
    assert.deepEqual([...z.dataSync()], [1, 3, 2, 4]);
  });

  test("memory of a loop that makes ever other sizes does not add up", () => {
    const { native } = backend();
    for (let i = 1; i <= 400; i++) native.release(native.allocate(i * 20_000));
    native.finish();
    const { usedBytes, freeBytes } = native.state();
    assert.ok(usedBytes + freeBytes < 300e6, `${usedBytes + freeBytes} bytes are kept`);
  });
});
