import { curves, difference, frames, gif, lossCurve, type Picture, recipeCurves } from "#src/display/index";
import { random } from "#src/random";
import { reverseScheduledEtas, scheduledEta } from "#src/sampling";
import { constantRate, cosineRate } from "#src/train/schedule";
import type { Sequences } from "#src/types";

interface Blobs {
  time: number;
  size: number;
  channels?: number;
  /** First time step. */
  from?: number;
  /** How wide the edges are: a forecast blurs. */
  blur?: number;
  /** How far the forecast has gone wrong per step, in pixels. */
  drift?: number;
}

/** Two discs that move on straight lines over a frame. */
export function blobs({ time, size, channels = 1, from = 0, blur = 1, drift = 0 }: Blobs): Sequences {
  const data = new Float32Array(time * size * size * channels);
  for (let t = 0; t < time; t++) {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        for (let c = 0; c < channels; c++) {
          let value = 0;
          for (const [cx, cy, vx, vy, r] of [
            [0.25, 0.3, 0.03, 0.02, 0.13],
            [0.7, 0.75, -0.025, -0.03, 0.18],
          ]) {
            const dx = x - size * (cx + vx * (from + t)) - drift * t - 2 * c;
            const dy = y - size * (cy + vy * (from + t));
            value = Math.max(value, 0.5 + (size * r - Math.hypot(dx, dy)) / (2 * blur * (1 + t / 4)));
          }
          data[((t * size + y) * size + x) * channels + c] = Math.min(1, Math.max(0, value));
        }
      }
    }
  }
  return { data, shape: [1, time, size, size, channels] };
}

const context = () => blobs({ time: 10, size: 64 });
const truth = () => blobs({ time: 10, size: 64, from: 10 });
const forecast = () => blobs({ time: 10, size: 64, from: 10, blur: 3, drift: 0.5 });
const other = () => blobs({ time: 10, size: 64, from: 10, blur: 8, drift: -0.6 });

function holed(): Sequences {
  const clip = blobs({ time: 4, size: 16 });
  for (let i = 0; i < 12; i++) clip.data[16 * 16 + 34 + i] = Number.NaN;
  return clip;
}

function training(count: number) {
  const uniform = random("gallery", "loss");
  return Array.from({ length: count }, (_, i) => ({
    iteration: i + 1,
    loss: 0.02 + 0.3 * Math.exp(-i / 60) + 0.02 * uniform(),
    ...((i + 1) % 50 === 0 && { validation: 0.032 + 0.3 * Math.exp(-i / 60) }),
  }));
}

function scores() {
  const at = (first: number, growth: number) => Array.from({ length: 10 }, (_, t) => first + growth * (t + 1) ** 0.8);
  const around = (y: number[], by: number) => ({ low: y.map((v) => v - by), high: y.map((v) => v + by) });
  const models = { "copy last frame": [60, 30], ConvLSTM: [35, 14], "MS-ConvLSTM": [30, 11] } as const;
  const panel = (title: string, yLabel: string, change: (y: number[]) => number[], by: number) => ({
    title,
    yLabel,
    xLabel: "horizon frame",
    series: Object.entries(models).map(([name, [first, growth]]) => {
      const y = change(at(first, growth));
      return { name, y, ...(name === "MS-ConvLSTM" && { band: around(y, by) }) };
    }),
  });
  return [
    panel("MSE (lower is better)", "squared error per frame", (y) => y, 8),
    panel("MAE (lower is better)", "absolute error per frame", (y) => y.map((v) => 2.1 * v + 20), 12),
    panel("SSIM (higher is better)", "SSIM (−1 to 1)", (y) => y.map((v) => 1 - v / 300), 0.02),
    panel("PSNR (higher is better)", "PSNR (dB)", (y) => y.map((v) => 24 - v / 25), 0.3),
  ];
}

/** Every figure we draw, each as a few lines: examples, tests and documentation are the same thing. */
export const pictures: Record<string, () => Picture> = {
  "frames-context-truth-forecast": () =>
    frames(
      { context: context(), truth: truth(), forecast: { "MS-ConvLSTM": forecast() } },
      { title: "Moving MNIST, clip 1" },
    ),
  "frames-two-models-rain": () =>
    frames(
      { truth: truth(), forecast: { ConvLSTM: other(), "MS-ConvLSTM": forecast() } },
      { every: 3, colours: "rain", spec: { unit: "mm/h", range: [0, 70] } },
    ),
  "frames-colour": () => frames({ forecast: blobs({ time: 3, size: 32, channels: 3 }) }),
  "frames-not-finite": () => frames({ truth: blobs({ time: 4, size: 16 }), forecast: holed() }),
  difference: () => difference({ truth: truth(), forecast: forecast() }),
  "difference-two-models": () =>
    difference(
      { truth: truth(), forecast: { ConvLSTM: other(), "MS-ConvLSTM": forecast() } },
      { at: [1, 10], spec: { unit: "mm/h", range: [0, 70] }, title: "Rain, forecast − truth" },
    ),
  "difference-none": () => difference({ truth: truth(), forecast: truth() }, { at: [3] }),
  "curves-scores": () =>
    curves(scores(), { title: "Scores over the horizon (mean of 1,000 clips, band: 95 % interval)" }),
  "curves-one": () =>
    curves([{ name: "MSE", y: [31.2, 40.1, Number.NaN, 55.5, 61.9, 70] }], {
      title: "One line with a gap",
      xLabel: "horizon frame",
      yLabel: "squared error per frame",
    }),
  "curves-log": () =>
    curves(
      [
        { name: "training", y: Array.from({ length: 300 }, (_, i) => 2 * Math.exp(-i / 40) + 2e-3) },
        { name: "validation", x: [50, 100, 150, 200, 250, 300], y: [0.9, 0.25, 0.08, 0.02, 0.009, 0.007] },
      ],
      { xLabel: "iteration", yLabel: "mean squared error", logY: true },
    ),
  "recipe-cosine": () =>
    recipeCurves({
      iterations: 52_500,
      learningRate: cosineRate(3e-4, 52_500),
      sampling: { "scheduled sampling": (iteration) => scheduledEta(iteration, 26_250) },
    }),
  "recipe-reverse": () => {
    const etas = (iteration: number) => reverseScheduledEtas(Math.floor(iteration / 100) + 1, 30);
    return recipeCurves(
      {
        iterations: 3000,
        learningRate: constantRate(1e-3),
        sampling: { "given frames": (i) => etas(i).given, "future frames": (i) => etas(i).future },
      },
      { title: "Reverse scheduled sampling, 30 epochs" },
    );
  },
  "loss-early": () => lossCurve(training(3), { iterations: 400, yLabel: "loss (mean squared error per pixel)" }),
  "loss-late": () => lossCurve(training(400), { iterations: 400, yLabel: "loss (mean squared error per pixel)" }),
  "loss-none": () => lossCurve([], { iterations: 400 }),
  gif: () => gif({ context: context(), truth: truth(), forecast: forecast() }, { difference: true }),
};
