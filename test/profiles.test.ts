import assert from "node:assert/strict";
import { test } from "node:test";
import { prepare } from "#src/prepare";
import { experiment, profileFor, profiles } from "#src/profiles";
import { random } from "#src/random";

test("profile small is defined to the last number", () => {
  assert.deepEqual(profiles.small, {
    model: "MS-ConvLSTM",
    filters: 16,
    kernelSize: 3,
    dataset: "moving-mnist",
    variant: "small",
    size: 32,
    context: 10,
    horizon: 10,
    batch: 8,
    iterations: 1500,
    optimizer: "adam",
    learningRate: 3e-3,
    schedule: "cosine",
    loss: { mse: 1, mae: 0 },
    sampling: "scheduled",
    samplingPart: 0.7,
    seed: 1,
    testClips: 1000,
  });
});

test("profile paper is SPEC sections 5 and 6.1", async () => {
  const { model, dataset, options } = await prepare(experiment("paper"));
  assert.deepEqual(model.frame, { height: 64, width: 64, channels: 1 });
  assert.deepEqual([dataset.size("train"), dataset.size("test"), dataset.time], [10_500, 4_500, 20]);
  assert.equal(options.iterations, 52_500);
  assert.deepEqual([0, 52_499].map(options.learningRate), [3e-4, 3e-4]);
  assert.deepEqual(options.loss, { mse: 1, mae: 1 });
  assert.equal(options.seed, 2022);
});

test("small: cosine to zero, sampling to its own predictions over the first 70 %", async () => {
  const { options } = await prepare(experiment("small", { iterations: 100 }));
  assert.equal(options.learningRate(0), 3e-3);
  assert.ok(Math.abs(options.learningRate(50) - 1.5e-3) < 1e-12);
  const truth = (iteration: number) => {
    const mask = options.sampling(iteration, 400, 20, random("t"));
    return mask.reduce((sum, sees) => sum + sees, 0) / 400 - 9;
  };
  // Nine given columns are always truth; of the nine that choose, η are.
  assert.ok(Math.abs(truth(35) - 4.5) < 0.2, `${truth(35)}`);
  assert.equal(truth(70), 0);
  assert.equal(truth(0), 9);
});

test("overrides replace, undefined does not", () => {
  const settings = experiment("quick", { filters: 5, seed: undefined });
  assert.equal(settings.filters, 5);
  assert.equal(settings.seed, profiles.quick.seed);
  assert.equal(profileFor("wasm"), "fallback");
  assert.equal(profileFor("onednn"), "small");
});

test("what makes no sense is refused in one line", async () => {
  const refuse = (run: () => unknown, message: RegExp) => assert.throws(run, { name: "UsageError", message });
  refuse(() => experiment("large"), /unknown profile: large; expected one of small, fallback, quick, paper/);
  refuse(() => experiment("toString"), /unknown profile/);
  refuse(
    () => experiment("small", { filter: 3 } as never),
    /unknown setting: filter; did you mean filters\?; expected one of model, /,
  );
  refuse(() => experiment("small", { filters: 0 }), /filters is 0, expected a whole number from 1/);
  refuse(() => experiment("small", { batch: 1.5 }), /batch is 1.5/);
  refuse(() => experiment("small", { kernelSize: 4 }), /kernelSize is 4, expected an odd number from 1/);
  refuse(() => experiment("small", { learningRate: -1 }), /learningRate is -1/);
  refuse(() => experiment("small", { learningRate: Number.NaN }), /learningRate is null, expected a positive number/);
  const odd: [string, unknown][] = [
    ["seed", "abc"],
    ["seed", 1.5],
    ["schedule", "weird"],
    ["samplingPart", "x"],
    ["samplingPart", 0],
    ["dataset", 5],
    ["model", ""],
    ["data", ""],
    ["standIn", "yes"],
    ["optimizer", "rmsprop"],
    ["sampling", "always"],
    ["clipNorm", 0],
    ["averageDecay", 1],
    ["patch", 0],
    ["batch", 1e9],
    ["size", "32"],
    ["loss", null],
    ["loss", { mze: 1 }],
    ["loss", { mse: "x" }],
    ["loss", { mse: 0, mae: 0 }],
    ["loss", { mse: -1 }],
    ["loss", { decouple: -1 }],
  ];
  for (const [name, value] of odd)
    refuse(() => experiment("small", { [name]: value }), new RegExp(`^${name} is .*, expected`));
  refuse(() => experiment("small", { context: 1, horizon: 1 }), /3 frames together/);
  refuse(() => experiment("small", { momentum: 0.9 }), /^momentum needs optimizer sgd$/);
  refuse(() => experiment("small", { optimizer: "sgd", nesterov: true }), /^nesterov needs momentum above 0$/);
  refuse(() => experiment("small", { optimizer: "sgd", beta1: 0.9 }), /^beta1 needs optimizer adam or adamW$/);
  refuse(() => experiment("small", { epochs: 2, iterations: 5 }), /^expected either iterations or epochs$/);
  refuse(
    () => experiment("small", { sampling: "none", samplingPart: 0.5 }),
    /^samplingPart needs sampling scheduled or reverse$/,
  );
  refuse(() => experiment("small", { patience: 3 }), /^patience needs validateEvery$/);
  await assert.rejects(prepare(experiment("small", { size: 30 })), /divisible by 4/);
});
