import type { FrameShape, Model } from "./model";
import { model } from "./models";
import { noSampling, reverseScheduledSampling, type Sampling, scheduledSampling } from "./sampling";
import type { Experiment } from "./settings";
import { adam, adamW, type Optimizer, sgd } from "./train/optimizer";
import { constantRate, cosineRate, oneCycle, type Schedule, warmedUp } from "./train/schedule";
import type { TrainOptions } from "./train/trainer";

/** The frames of Moving MNIST at the experiment's side, known before it is opened. */
export const drawnFrame = ({ size = 1 }: Experiment): FrameShape => ({ height: size, width: size, channels: 1 });

/** The experiment's network for frames of a shape. */
export const modelFor = (
  { model: name, filters, kernelSize, patch }: Experiment,
  { height, width, channels }: FrameShape,
): Model => model(name, { filters, kernelSize, patch, frame: { height, width, channels } });

/** The optimiser of the settings. */
export function optimizerOf(
  settings: Pick<Experiment, "optimizer" | "weightDecay" | "momentum" | "nesterov" | "beta1" | "beta2" | "epsilon">,
): Optimizer {
  const { optimizer, weightDecay, momentum, nesterov, beta1, beta2, epsilon } = settings;
  if (optimizer === "sgd") return sgd({ momentum, nesterov, weightDecay });
  return (optimizer === "adamW" ? adamW : adam)({ beta1, beta2, epsilon, weightDecay });
}

/** The learning rate of each iteration. */
export function scheduleOf({
  schedule,
  learningRate,
  iterations,
  warmUp = 0,
}: Pick<Experiment, "schedule" | "learningRate" | "iterations" | "warmUp">): Schedule {
  const schedules: Record<Experiment["schedule"], () => Schedule> = {
    constant: () => constantRate(learningRate),
    cosine: () => cosineRate(learningRate, iterations),
    "one-cycle": () => oneCycle({ max: learningRate, iterations }),
  };
  const rate = schedules[schedule]();
  return warmUp > 0 ? warmedUp(rate, warmUp) : rate;
}

/** Which true frames are seen. Reverse sampling counts each iteration as an epoch, so that it falls over `samplingPart` of any length. */
export function samplingOf({
  sampling,
  context,
  samplingPart,
  iterations,
}: Pick<Experiment, "sampling" | "context" | "samplingPart" | "iterations">): Sampling {
  const over = samplingPart * iterations;
  if (sampling === "none") return noSampling({ context });
  if (sampling === "reverse") return reverseScheduledSampling({ context, epochs: over, iterationsPerEpoch: 1 });
  return scheduledSampling({ context, over });
}

/** What `train` needs of the settings, but for the data. */
export function trainOptions(settings: Experiment): Omit<TrainOptions, "validate"> {
  const { iterations, loss, lossOn, context, clipNorm, averageDecay, precision, rematerialize, seed } = settings;
  return {
    iterations,
    optimizer: optimizerOf(settings),
    learningRate: scheduleOf(settings),
    sampling: samplingOf(settings),
    loss: { ...loss, ...(lossOn === "horizon" && { after: context }) },
    clipNorm,
    averageDecay,
    compile: { precision, rematerialize: rematerialize ? "step" : false },
    seed,
  };
}
