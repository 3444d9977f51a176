import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose";
import { movingMnist } from "#src/datasets/movingMnist";
import { sliceTime } from "#src/datasets/sliceTime";
import { evaluate, type Forecaster, networkForecaster, trivialForecasters } from "#src/evaluate";
import { experiment } from "#src/profiles";
import { drawnFrame, modelFor } from "#src/recipe";
import { compareWithTrivial, scoreRows } from "#src/scoreTable";

const settings = experiment("quick", { filters: 2, size: 16, context: 3, horizon: 2 });
const model = modelFor(settings, drawnFrame(settings));
const dataset = movingMnist({ size: 16, frames: 5 });

test("the truth as forecast has no error; batches of any size give the same scores", async () => {
  await chooseBackend("cpu");
  let next = 0;
  const oracle: Forecaster = async ({ shape: [batch] }) => {
    const indices = Array.from({ length: batch }, () => next++);
    return sliceTime(await dataset.sequences("test", indices), 1);
  };
  const progress: number[] = [];
  const onProgress = (done: number) => progress.push(done);
  const perfect = await evaluate({ oracle }, dataset, { context: 3, take: 5, batch: 2, onProgress });
  assert.deepEqual(progress, [2, 4, 5]);
  const [mse, mae, ssim, psnr] = perfect.oracle;
  assert.deepEqual([mse.name, mae.name, ssim.name, psnr.name], ["mse", "mae", "ssim", "psnr"]);
  assert.deepEqual([mse.horizon, mse.all, mae.all], [0, 0, 0]);
  assert.ok(Math.abs(ssim.all - 1) < 1e-9 && Math.abs(psnr.horizon - 50) < 1e-9);
  const scores = (batch: number) => evaluate(trivialForecasters, dataset, { context: 3, take: 5, batch });
  assert.deepEqual(await scores(2), await scores(5));
});

test("a forecaster is given the context alone, and all predictions are scored", async () => {
  await chooseBackend("cpu");
  const shapes: string[] = [];
  const spy: Forecaster = (context, horizon) => {
    shapes.push(`${context.shape} ${horizon}`);
    return trivialForecasters["black frame"](context, horizon);
  };
  const { spy: reports } = await evaluate({ spy }, dataset, { context: 3, take: 2 });
  assert.deepEqual(shapes, ["2,3,16,16,1 2"]);
  assert.equal(reports[0].perFrame.length, 4);
  const [a, b, c, d] = reports[0].perFrame;
  assert.ok(Math.abs(reports[0].horizon - (c + d) / 2) < 1e-9);
  assert.ok(Math.abs(reports[0].all - (a + b + c + d) / 4) < 1e-9);
  assert.equal(reports[0].clips?.length, 2);
});

test("a network forecasts through evaluate, nothing is left behind, and rows carry both means", async () => {
  await chooseBackend("wasm");
  const params = model.init(1);
  const before = tf.memory().numTensors;
  const reports = await evaluate({ net: networkForecaster(model, params) }, dataset, { context: 3, take: 3 });
  assert.equal(tf.memory().numTensors, before);
  const [row] = scoreRows(reports);
  assert.equal(row.forecaster, "net");
  assert.equal(row["MSE horizon"], reports.net[0].horizon);
  assert.equal(row["PSNR all"], reports.net[3].all);
});

test("a forecaster is compared with the better trivial one, whichever that is, and the line says so", async () => {
  await chooseBackend("cpu");
  const half: Forecaster = (context, horizon) => {
    const { data, shape } = trivialForecasters["copy last frame"](context, horizon) as {
      data: Float32Array;
      shape: never;
    };
    return { data: data.map((value) => value / 2), shape };
  };
  const reports = await evaluate({ ...trivialForecasters, half }, dataset, { context: 3, take: 20 });
  const horizon = (name: string) => reports[name][0].horizon;
  const better = horizon("black frame") < horizon("copy last frame") ? "black frame" : "copy last frame";
  const { opponent, difference, line } = compareWithTrivial(reports, "half");
  assert.equal(opponent, better);
  assert.ok(Math.abs(difference.mean - (horizon("half") - horizon(better))) < 1e-9);
  assert.match(line, new RegExp(`^horizon MSE of half less that of the better trivial forecast \\(${better}\\): `));
  const swapped = { ...reports, "black frame": reports["copy last frame"], "copy last frame": reports["black frame"] };
  assert.notEqual(compareWithTrivial(swapped, "half").opponent, better);
  const perfect = { ...reports, half: reports.half.map((r) => ({ ...r, horizon: 0, clips: r.clips!.map(() => 0) })) };
  assert.match(compareWithTrivial(perfect, "half").line, /-100\.0 %.*half is better$/);
  const awful = { ...reports, half: reports.half.map((r) => ({ ...r, clips: r.clips!.map((v) => v + 900) })) };
  assert.match(compareWithTrivial(awful, "half").line, /half is worse$/);
  const broken = { ...reports, half: reports.half.map((r) => ({ ...r, clips: r.clips!.map(() => Number.NaN) })) };
  assert.throws(() => compareWithTrivial(broken, "half"), { name: "UserError", message: /MSE of half is not finite/ });
  assert.throws(() => compareWithTrivial({}, "half"), { name: "UserError", message: /no MSE per clip of half/ });
});
