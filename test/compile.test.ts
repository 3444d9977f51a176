import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { type Compiled, compile } from "#src/compile";
import { forecastStep } from "#src/evaluate";
import { modelNames } from "#src/models";
import { experiment } from "#src/profiles";
import { random } from "#src/random";
import { drawnFrame, modelFor, trainOptions } from "#src/recipe";
import { predict } from "#src/rollout";
import type { Experiment } from "#src/settings";
import { adamRates } from "#src/train/optimizer";
import { startState, type Weights, weightsOf } from "#src/train/state";
import { type StepInputs, type StepOutputs, trainingStep } from "#src/train/step";
import { disposeTree, leaves } from "#src/tree";
import type { Clip, Tree } from "#src/types";
import { engine, skip } from "./backend/onednn/forms";

const tiny = (changes: Partial<Experiment> = {}) =>
  experiment("quick", { filters: 5, size: 16, batch: 2, context: 3, horizon: 3, ...changes });

const numbers = (tree: Tree) => leaves(tree).flatMap(([, leaf]) => [...leaf.dataSync()]);

/** Another clip, mask and rate each iteration. */
const networkOf = (settings: Experiment) => modelFor(settings, drawnFrame(settings));

function inputsAt(iteration: number, settings: Experiment): StepInputs {
  const { batch, context, horizon } = settings;
  const { height: size } = drawnFrame(settings);
  const draw = random("compile", iteration);
  const time = context + horizon;
  const values = (count: number, f: () => number) => Float32Array.from({ length: count }, f);
  return {
    clip: tf.tensor5d(values(batch * time * size * size, draw), [batch, time, size, size, 1]) as Clip,
    mask: tf.tensor2d(
      values(batch * (time - 2), () => (draw() < 0.5 ? 0 : 1)),
      [batch, time - 2],
    ),
    rates: tf.tensor1d(adamRates(1e-2 * draw(), iteration + 1)),
  };
}

/** f(f(… x)), so many times. */
function manyTimes(count: number, x: tf.Tensor, f: (x: tf.Tensor) => tf.Tensor): tf.Tensor {
  return count === 0 ? x : manyTimes(count - 1, f(x), f);
}

type TrainStep = Compiled<Weights, StepInputs, StepOutputs>;

/** Losses and last weights of some steps. */
async function steps(compiled: TrainStep, settings: Experiment, count: number) {
  const model = networkOf(settings);
  let state = weightsOf(startState(model, 1));
  const losses: number[] = [];
  for (let i = 0; i < count; i++) {
    const inputs = inputsAt(i, settings);
    const result = await compiled.run(state, inputs);
    assert.ok(result);
    disposeTree(state);
    disposeTree(inputs);
    state = result.state;
    losses.push(result.outputs.told.dataSync()[0]);
    result.outputs.told.dispose();
  }
  const weights = numbers(state.params);
  disposeTree(state);
  return { losses, weights };
}

const trainingOf = (settings: Experiment, options: Parameters<typeof compile>[1] = {}): TrainStep => {
  return compile(trainingStep(networkOf(settings), trainOptions(settings)), options);
};

/** Numbers from -1 to 1, others at each call. */
const draw = random("compile");
const filled = (...shape: number[]) =>
  tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 2 * draw() - 1),
    shape,
  );

/** Within a part of the largest entry. */
function near(got: tf.Tensor, expected: tf.Tensor, part: number, name: string): void {
  const [a, b] = [got, expected].map((one) => one.dataSync() as Float32Array);
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (const [i, value] of b.entries()) {
    assert.ok(
      Math.abs(a[i] - value) <= part * largest,
      `${name}[${i}]: ${a[i]}, expected ${value}, largest ${largest}`,
    );
  }
}

describe("compiled steps", { skip }, () => {
  before(async () => void (await chooseBackend("onednn")));

  for (const model of ["MS-ConvLSTM", "ConvLSTM", "MS-ConvLSTM-FC"]) {
    test(`${model}: 20 steps with changing masks and rates equal those operation by operation`, async () => {
      const settings = tiny({ model });
      const compiled = trainingOf(settings);
      const replayed = await steps(compiled, settings, 20);
      assert.ok(compiled.program, "the steps were recorded");
      const eager = await steps(trainingOf(settings, { eager: true }), settings, 20);
      assert.deepEqual(replayed, eager);
      compiled.dispose();
    });
  }

  // The attention of PrecipLSTM, window 30, is thousands of operations a step.
  const others = modelNames().filter((name) => /^MS-(?!ConvLSTM)/.test(name));
  for (const name of others) {
    test(`${name}: recorded, and the same as operation by operation`, async () => {
      const settings = tiny({ model: name, filters: 4 });
      const lines: string[] = [];
      const compiled = trainingOf(settings, { onFallback: (line) => lines.push(line) });
      const replayed = await steps(compiled, settings, 2);
      assert.deepEqual(lines, []);
      const eager = await steps(trainingOf(settings, { eager: true }), settings, 2);
      assert.deepEqual(replayed, eager);
      compiled.dispose();
    });
  }

  test("convolutions read joined maps where they lie: the same numbers and nothing to copy", async () => {
    // Maps so large that gradients of weights are not joined over time steps.
    const cases: [channels: number[], batch: number, axis: number, concatenations: number][] = [
      [[16, 32], 1, 3, 0],
      [[32, 16, 16], 3, 3, 0],
      [[16, 16, 16, 16], 2, 3, 0],
      [[16, 16, 16, 16, 16], 2, 3, 1],
      [[16, 16], 1, 1, 1],
      [[16, 16], 2, 0, 1],
    ];
    for (const [channels, batch, axis, concatenations] of cases) {
      const inputs = Object.fromEntries(
        channels.flatMap((count, i) => [
          [`x${i}`, filled(batch, 70, 65, 16)],
          [`k${i}`, filled(3, 3, 16, count)],
        ]),
      );
      const joined = axis === 3 ? channels.reduce((a, b) => a + b) : channels[0];
      const kernel = filled(3, 3, joined, 32) as tf.Tensor4D;
      const f = (state: Tree, { kernel, ...of }: Record<string, tf.Tensor>) => {
        const maps = channels.map((_, i) =>
          tf.conv2d(of[`x${i}`] as tf.Tensor4D, of[`k${i}`] as tf.Tensor4D, 1, "same"),
        );
        const at = (kernel: tf.Tensor4D) => tf.conv2d(tf.concat(maps, axis), kernel, 1, "same");
        const gradient = tf.grad((kernel) => tf.sum(tf.square(at(kernel as tf.Tensor4D))))(kernel);
        return { state, outputs: { y: at(kernel as tf.Tensor4D), gradient } };
      };
      const [compiled, eager] = [compile(f, {}), compile(f, { eager: true })];
      const replayed = (await compiled.run({}, { ...inputs, kernel }))!;
      const name = `${channels} channels, batch ${batch}, axis ${axis}`;
      assert.deepEqual(numbers(replayed.outputs), numbers((await eager.run({}, { ...inputs, kernel }))!.outputs), name);
      const commands = await compiled.profile({}, { ...inputs, kernel });
      const copies = commands.filter(([operation]) => operation === "Concat").length;
      assert.equal(copies > 0 ? 1 : 0, concatenations, `${name}: ${copies}`);
      compiled.dispose();
    }
  });

  test("gradients of weights joined over time steps: fewer convolutions, the same to within rounding", async () => {
    const settings = tiny({ model: "MS-ConvLSTM", filters: 32, context: 6, horizon: 6 });
    const model = networkOf(settings);
    const state = weightsOf(startState(model, 1));
    const inputs = inputsAt(0, settings);
    const compiled = trainingOf(settings);
    const gradients = (await compiled.profile(state, inputs)).filter(
      ([operation]) => operation === "Conv2DBackpropFilter",
    );
    // Six layers and eleven time steps, of which ten can be joined; and each layer unpacks two sums.
    assert.ok(gradients.length < 6 * 11, `${gradients.length} convolutions`);
    const joined = (await compiled.run(state, inputs))!;
    assert.deepEqual(numbers((await compiled.run(state, inputs))!), numbers(joined), "the same bits each time");
    const remat = trainingOf(settings, { rematerialize: "step" });
    assert.deepEqual(numbers((await remat.run(state, inputs))!), numbers(joined), "rematerialised");
    const eager = (await trainingOf(settings, { eager: true }).run(state, inputs))!;
    near(joined.outputs.told, eager.outputs.told, 1e-6, "loss");
    // Adam's first moments after one step are the gradients but for a factor.
    for (const [i, [name, leaf]] of leaves(joined.state.slots.first).entries()) {
      near(leaf, leaves(eager.state.slots.first)[i][1], 1e-5, name);
    }
    compiled.dispose();
    remat.dispose();
  });

  test("element-wise operations that follow from each other run as one command, to the same bits", async () => {
    type Chain = (x: tf.Tensor, y: tf.Tensor) => Tree;
    const chains: [name: string, commands: number, chain: Chain][] = [
      ["a chain with numbers", 1, (x, y) => ({ a: tf.sigmoid(tf.sub(1, tf.mul(tf.add(x, y), 2))) })],
      [
        "a value used twice",
        1,
        (x, y) => ({ a: tf.mul(tf.tanh(tf.add(x, y)), tf.add(x, y).square().add(tf.tanh(x))) }),
      ],
      [
        "an output from the middle",
        1,
        (x, y) => {
          const sum = tf.add(x, y);
          return { sum, a: tf.exp(sum), b: tf.relu(tf.neg(sum)) };
        },
      ],
      // The sum over x, which the chain waits for, is no element-wise operation.
      ["something else in between", 3, (x, y) => ({ a: tf.mul(tf.tanh(tf.mul(x, y)), tf.div(tf.sum(x), 3)) })],
      ["a choice", 1, (x, y) => ({ a: tf.where(tf.greater(x, y), tf.abs(x), tf.add(y, 1)) })],
      [
        "two that share operands alone",
        2,
        (x, y) => ({ a: tf.addN([tf.neg(x), y, tf.mul(x, y)]), b: tf.sub(x, 0.5).neg() }),
      ],
      ["a long chain", 1, (x, y) => ({ a: manyTimes(40, tf.mul(x, y), (z) => tf.tanh(z.add(x))) })],
      [
        "more than one command holds",
        3,
        (x, y) => {
          const many = Array.from({ length: 14 }, (_, i) => tf.tanh(tf.mul(x, i)).add(y));
          return { a: tf.addN([...many.slice(0, 7), tf.addN(many.slice(7))]) };
        },
      ],
    ];
    for (const shape of [[1], [5], [3, 700], [2, 9, 7, 3], [4, 33, 31, 16]]) {
      const [x, y] = [filled(...shape), filled(...shape)];
      for (const [name, most, chain] of chains) {
        type Operands = { x: tf.Tensor; y: tf.Tensor };
        const f = (state: Tree, { x, y }: Operands) => ({ state, outputs: chain(x, y) });
        const [compiled, eager] = [compile(f, {}), compile(f, { eager: true })] as const;
        const replayed = (await compiled.run({}, { x, y }))!;
        assert.deepEqual(
          numbers(replayed.outputs),
          numbers((await eager.run({}, { x, y }))!.outputs),
          `${name}, [${shape}]`,
        );
        const commands = await compiled.profile({}, { x, y });
        const told = commands.map(([operation]) => operation).join(", ");
        assert.ok(commands.length <= most + (name.includes("between") ? 1 : 0), `${name}, [${shape}]: ${told}`);
        assert.ok(told.includes("fused element-wise"), told);
        compiled.dispose();
      }
    }
  });

  test("rematerialised steps give the same numbers with less memory, and more steps of time need little more", async () => {
    const memory = async (context: number, rematerialize: "step" | false) => {
      const settings = tiny({ filters: 16, size: 32, batch: 1, model: "ConvLSTM", context });
      const compiled = trainingOf(settings, { rematerialize });
      const result = await steps(compiled, settings, 2);
      const { memoryBytes } = compiled.program!;
      compiled.dispose();
      return { memoryBytes, result };
    };
    const [kept, again, longer] = [await memory(24, false), await memory(24, "step"), await memory(50, "step")];
    assert.deepEqual(again.result, kept.result);
    assert.ok(again.memoryBytes < 0.6 * kept.memoryBytes, `${again.memoryBytes} of ${kept.memoryBytes} bytes`);
    assert.ok(longer.memoryBytes < 1.4 * again.memoryBytes, `${longer.memoryBytes} after ${again.memoryBytes} bytes`);
  });

  test("a forecast replayed equals the forecast, for several shapes", async () => {
    const model = networkOf(tiny());
    const params = model.init(1);
    const step = compile(forecastStep(model, 7));
    for (const [batch, seen] of [
      [1, 1],
      [3, 4],
      [1, 1],
    ]) {
      const context = tf.randomUniform([batch, seen, 16, 16, 1]) as Clip;
      const { outputs } = (await step.run({}, { params, context }))!;
      const expected = predict(model, params, context, 7, { warmUp: true });
      assert.deepEqual([...outputs.forecast.dataSync()], [...expected.dataSync()]);
      tf.dispose([outputs.forecast, expected, context]);
    }
    step.dispose();
  });

  const scalar = (value: number) => tf.scalar(value);
  const double = ({ x }: { x: tf.Tensor }, { by }: { by: tf.Tensor }) => ({
    state: { x: tf.mul(x, by) },
    outputs: { sum: tf.sum(x) },
  });

  test("what is drawn, or a rate that changes, is an error that names the operation", async () => {
    let rate = 1;
    const drawn = compile(({ x }: { x: tf.Tensor }) => ({
      state: { x: tf.add(x, tf.tensor1d(Float32Array.from({ length: 3 }, Math.random))) },
      outputs: {},
    }));
    await assert.rejects(
      drawn.run({ x: tf.ones([3]) }, {}),
      /^UserError: a constant of \w+ differs between two recordings/,
    );
    const rated = compile(({ x }: { x: tf.Tensor }) => ({ state: { x: tf.mul(x, rate++) }, outputs: {} }));
    await assert.rejects(rated.run({ x: tf.ones([3]) }, {}), /a constant of Multiply differs between two recordings/);
  });

  test("what cannot be recorded runs operation by operation, and a line names it", async () => {
    const lines: string[] = [];
    const step = compile(({ x }: { x: tf.Tensor }) => ({ state: { x: tf.topk(x, 2).values }, outputs: {} }), {
      onFallback: (line) => lines.push(line),
    });
    for (const given of [
      [1, 3, 2],
      [5, 4, 6],
    ]) {
      const result = (await step.run({ x: tf.tensor1d(given) }, {}))!;
      assert.deepEqual([...result.state.x.dataSync()], [...given].sort((a, b) => b - a).slice(0, 2));
    }
    assert.equal(lines.length, 1);
    assert.match(lines[0], /^the step runs operation by operation: .*TopK/);
    const read = compile(({ x }: { x: tf.Tensor }) => ({ state: { x: tf.mul(x, x.dataSync()[0]) }, outputs: {} }), {
      onFallback: (line) => lines.push(line),
    });
    assert.deepEqual([...(await read.run({ x: tf.tensor1d([2, 3]) }, {}))!.state.x.dataSync()], [4, 6]);
    assert.match(lines[1], /numbers .* while recording/);
  });

  test("a function that begins to compute something else is found out, where it is looked for", async () => {
    let power = 1;
    const step = compile(({ x }: { x: tf.Tensor }) => ({ state: { x: tf.mul(x, power) }, outputs: {} }), {
      recheck: 2,
    });
    const x = tf.ones([2]);
    for (let i = 0; i < 3; i++) await step.run({ x }, {});
    power = 2;
    await step.run({ x }, {});
    await assert.rejects(step.run({ x }, {}), /after 4 runs a constant of Multiply differs/);
  });

  test("other shapes and types are other recordings; operands stay as they are; nothing is left behind", async () => {
    const step = compile(double);
    const count = () => [tf.memory().numTensors, engine().native.state().usedBytes];
    const before = count();
    for (const shape of [[3], [2, 2], [3], [1], [4], [5], [6], [3]]) {
      const [x, by] = [tf.fill(shape, 3), scalar(2)];
      const result = (await step.run({ x }, { by }))!;
      assert.ok(result.state.x.dataSync().every((value) => value === 6));
      assert.equal(result.outputs.sum.dataSync()[0], 3 * x.size);
      assert.ok(x.dataSync().every((value) => value === 3));
      tf.dispose([x, by, result.state.x, result.outputs.sum]);
    }
    step.dispose();
    assert.deepEqual(count(), before);
  });

  test("what is handed through is the caller's own", async () => {
    for (const eager of [false, true]) {
      const step = compile(({ x }: { x: tf.Tensor }) => ({ state: { x }, outputs: { same: x } }), { eager });
      const x = tf.tensor1d([1, 2]);
      const { state, outputs } = (await step.run({ x }, {}))!;
      x.dispose();
      state.x.dispose();
      assert.deepEqual([...outputs.same.dataSync()], [1, 2]);
      outputs.same.dispose();
      step.dispose();
    }
  });

  test("a step that is cancelled has not happened", async () => {
    const settings = tiny({ filters: 16, size: 32, context: 20 });
    const model = networkOf(settings);
    const state = weightsOf(startState(model, 1));
    const before = numbers(state);
    const step = trainingOf(settings);
    const inputs = inputsAt(0, settings);
    const expected = numbers((await step.run(state, inputs))!.state);
    const pending = step.run(state, inputs);
    step.cancel();
    assert.equal(await pending, undefined);
    assert.deepEqual(numbers(state), before);
    assert.deepEqual(numbers((await step.run(state, inputs))!.state), expected);
    step.dispose();
    const donating = trainingOf(settings, { donate: true });
    const { state: given } = (await donating.run(state, inputs))!;
    assert.deepEqual(numbers(given), expected);
    const second = donating.run(given, inputs);
    donating.cancel();
    assert.equal(await second, undefined);
    assert.deepEqual(numbers(given), expected);
    donating.dispose();
  });

  test("a donated state gives its memory to the next one; clones of it keep their numbers", async () => {
    const settings = tiny();
    const kept = await steps(trainingOf(settings), settings, 5);
    const model = networkOf(settings);
    for (const eager of [false, true]) {
      const step = trainingOf(settings, { donate: true, eager });
      const first = weightsOf(startState(model, 1));
      const [name, leaf] = leaves(first)[0];
      const [clone, before] = [tf.clone(leaf), [...leaf.dataSync()]];
      let state: Weights = first;
      const losses: number[] = [];
      for (let i = 0; i < 5; i++) {
        const given = state;
        const used = engine().native.state().usedBytes;
        const inputs = inputsAt(i, settings);
        const result = (await step.run(given, inputs))!;
        state = result.state;
        assert.ok(
          leaves(given).every(([, tensor]) => tensor.isDisposed),
          "the given state is used up",
        );
        losses.push(result.outputs.told.dataSync()[0]);
        disposeTree(result.outputs);
        disposeTree(inputs);
        if (i > 1 && !eager) assert.equal(engine().native.state().usedBytes, used, "no new memory");
      }
      assert.deepEqual({ losses, weights: numbers(state.params) }, kept);
      assert.deepEqual([...clone.dataSync()], before, name);
      tf.dispose(clone);
      disposeTree(state);
      step.dispose();
    }
  });

  test("a donated state stays as it was where an output is not finite", async () => {
    const root = ({ x }: { x: tf.Tensor }, { by }: { by: tf.Tensor }) => ({
      state: { x: tf.add(x, by) },
      outputs: { y: tf.sum(tf.sqrt(by)) },
    });
    for (const eager of [false, true]) {
      const step = compile(root, { donate: true, eager });
      const x = tf.tensor1d([1, 2]);
      const bad = (await step.run({ x }, { by: tf.scalar(-1) }))!;
      assert.equal(bad.state.x, x);
      assert.ok(Number.isNaN(bad.outputs.y.dataSync()[0]));
      assert.deepEqual([...x.dataSync()], [1, 2]);
      const good = (await step.run({ x }, { by: tf.scalar(4) }))!;
      assert.ok(x.isDisposed);
      assert.deepEqual([...good.state.x.dataSync()], [5, 6]);
      step.dispose();
    }
  });

  test("a state that is handed through is donated to itself", async () => {
    const step = compile(({ x, y }: { x: tf.Tensor; y: tf.Tensor }) => ({ state: { x: y, y: x }, outputs: {} }), {
      donate: true,
    });
    let state = { x: tf.tensor1d([1, 2]) as tf.Tensor, y: tf.tensor1d([3, 4]) as tf.Tensor };
    for (let i = 0; i < 3; i++) state = (await step.run(state, {}))!.state;
    assert.deepEqual(numbers(state), [3, 4, 1, 2]);
    step.dispose();
  });

  test("an error inside the function leaves no recording open", async () => {
    const step = compile(() => {
      throw new Error("of the function");
    });
    await assert.rejects(step.run({}, {}), /of the function/);
    assert.deepEqual([...tf.add(tf.tensor1d([1]), 1).dataSync()], [2]);
  });

  test("the profile tells operations with their time steps and layers", async () => {
    const settings = tiny();
    const model = networkOf(settings);
    const state = weightsOf(startState(model, 1));
    const step = trainingOf(settings);
    const entries = await step.profile(state, inputsAt(0, settings));
    const gates = entries.filter(([operation, time]) => operation === "LstmGates" && time >= 0);
    const places = new Set(gates.map(([, time, layer]) => `${time} ${layer}`));
    for (let time = 0; time < 4; time++) {
      for (let layer = 0; layer < 6; layer++) assert.ok(places.has(`${time} ${layer}`), `step ${time}, layer ${layer}`);
    }
    assert.ok(entries.every(([, , , seconds]) => seconds >= 0));
    const back = entries.filter(([operation]) => operation === "LstmGatesGrad");
    // What makes zeros, such as the gradient of a state that nobody reads, belongs nowhere.
    const layers = back.map(([, , layer]) => layer).filter((layer) => layer >= 0);
    assert.deepEqual([...new Set(layers)].sort(), [0, 1, 2, 3, 4, 5]);
    assert.ok(layers.length >= 30 && back.length - layers.length <= 6, `${layers.length} of ${back.length}`);
    step.dispose();
  });
});

test("where nothing can be recorded the same steps run operation by operation", async () => {
  await chooseBackend("cpu");
  const step = compile(({ x }: { x: tf.Tensor }) => ({ state: { x: tf.square(x) }, outputs: {} }));
  assert.deepEqual([...(await step.run({ x: tf.tensor1d([2, 3]) }, {}))!.state.x.dataSync()], [4, 9]);
  assert.equal(step.program, undefined);
  await assert.rejects(step.profile({ x: tf.tensor1d([1]) }, {}), /no profile/);
});

test("rematerialising steps that are not recorded is said not to happen, or refused", async () => {
  await chooseBackend("cpu");
  const square = ({ x }: { x: tf.Tensor }) => ({ state: { x: tf.square(x) }, outputs: {} });
  const lines: string[] = [];
  const step = compile(square, { rematerialize: "step", onFallback: (line) => lines.push(line) });
  for (let i = 0; i < 2; i++) {
    assert.deepEqual([...(await step.run({ x: tf.tensor1d([3]) }, {}))!.state.x.dataSync()], [9]);
  }
  assert.deepEqual(lines, [
    "the step runs operation by operation, not rematerialised: steps are recorded on onednn, not on cpu",
  ]);
  assert.throws(
    () => compile(square, { rematerialize: "step", eager: true }),
    /^UserError: rematerialize is of recorded steps/,
  );
});
