import { join } from "node:path";
import { writeAtomic } from "../../files";
import { random } from "../../random";
import { requireWhole } from "../dataset";
import { encodeVideo } from "../formats/video";
import { resizer } from "../resize";
import { type Body, drawLimbs, figure, gaits, type WalkerClass } from "./figure";
import { markStandIn } from "./mark";

export interface WalkersOptions {
  /** Decides everything. Default 2022. */
  readonly seed?: number;
  /** Numbers of the persons, as in KTH: 1 to 16 train and 17 to 25 test. Default 1, 2, 3 and 17. */
  readonly persons?: readonly number[];
  /** Default: walking, jogging and running. */
  readonly classes?: readonly WalkerClass[];
  /** KTH's four: outdoors; the same, nearer and farther in turn; in other clothes; indoors, with a shadow. Default the first. */
  readonly scenes?: readonly (1 | 2 | 3 | 4)[];
  /** Frames in a video. Default 300. */
  readonly frames?: number;
}

const size = { height: 120, width: 160, rate: 25 } as const;

/** What was written, as `kth` takes it. */
export interface Walkers {
  readonly from: string;
  readonly lists: string;
}

/**
 * Writes a stand-in for KTH: simulated figures that walk, jog or run through the picture, turn and come back, in videos named and
 * coded like KTH's, 160 x 120 grey at 25 frames a second, and a list of the frames in which they are seen. Persons differ in size,
 * bulk, speed and clothes. Equal options give equal files, with the same ffmpeg.
 *
 * Draws per video, in this order, from the stream ("walkers", seed, person): the person; from ("walkers", seed, name): background
 * and passes; from ("walkers", seed, name, frame): noise. Errors: as for `encodeVideo`; numbers that make no sense.
 */
export async function writeWalkers(folder: string, options: WalkersOptions = {}): Promise<Walkers> {
  const { seed = 2022, persons = [1, 2, 3, 17], scenes = [1], frames = 300 } = options;
  const { classes = ["walking", "jogging", "running"] } = options;
  for (const person of persons) requireWhole("person", person, 1);
  requireWhole("frames", frames, 1);
  const lines: string[] = [];
  for (const person of persons) {
    for (const kind of classes) {
      for (const scene of scenes) {
        const name = `person${String(person).padStart(2, "0")}_${kind}_d${scene}`;
        const film = filmOf(seed, name, person, kind, scene, frames);
        await encodeVideo(join(folder, kind, `${name}_uncomp.avi`), size, film.frames());
        lines.push(...film.seen.map(([first, last]) => `${name} ${first} ${last}\n`));
      }
    }
  }
  const lists = join(folder, "frames.txt");
  writeAtomic(lists, ...lines);
  // Last: what has it is whole.
  markStandIn(folder, "KTH", seed);
  return { from: folder, lists };
}

/** One video: its frames, and the ranges in which the trunk is seen, from 1 on, the last included. */
function filmOf(seed: number, name: string, person: number, kind: WalkerClass, scene: number, frames: number) {
  const who = random("walkers", seed, person);
  const between = (uniform: () => number, low: number, high: number) => low + (high - low) * uniform();
  const body: Body = {
    height: between(who, 62, 80),
    bulk: between(who, 0.9, 1.15),
    shirt: between(who, 45, 110),
    trousers: between(who, 30, 80),
    skin: between(who, 115, 140),
  };
  const pace = between(who, 0.88, 1.14);
  const uniform = random("walkers", seed, name);
  const shirt = scene === 3 ? between(uniform, 20, 60) : body.shirt;
  const background = backgroundOf(uniform, scene === 4);
  const ground = between(uniform, 102, 110);
  const { speed, stride } = gaits[kind];
  const step = speed * pace * body.height;
  const zoom = (t: number) => (scene === 2 ? 1 + 0.22 * Math.sin(t / 45) : 1);

  /** Where the hip is in each frame, and which way it faces; between two passes nobody is there. */
  const places: { x: number; facing: 1 | -1; phase: number; isSeen: boolean }[] = [];
  const [edge, margin] = [0.1 * body.height, 0.6 * body.height];
  for (let facing: 1 | -1 = uniform() < 0.5 ? 1 : -1, way = -edge; places.length < frames; facing = -facing as 1 | -1) {
    const begun = uniform() * 2 * Math.PI;
    for (; way < size.width + margin; way += step) {
      const phase = begun + (2 * Math.PI * way) / (stride * body.height);
      const isSeen = way >= -edge && way <= size.width + edge;
      places.push({ x: facing === 1 ? way : size.width - way, facing, phase, isSeen });
    }
    way = -margin - step * Math.floor(between(uniform, 5, 20));
  }
  places.length = frames;

  const drawn = (t: number): Uint8Array => {
    const { x, facing, phase } = places[t];
    const now = { ...body, shirt, height: body.height * zoom(t) };
    const frame = background.slice();
    if (scene === 4) drawShadow(frame, x, ground, now.height);
    drawLimbs(frame, size.width, figure(now, gaits[kind], phase, x, ground, facing));
    const noise = random("walkers", seed, name, t);
    return Uint8Array.from(frame, (level) => Math.min(Math.max(Math.round(level + 6 * (noise() - 0.5)), 0), 255));
  };
  return {
    seen: ranges(places.map(({ isSeen }) => isSeen)),
    *frames() {
      for (let t = 0; t < frames; t++) yield drawn(t);
    },
  };
}

/** A light ground: grey that changes slowly, over it soft blotches; indoors a wall and a darker floor. */
function backgroundOf(uniform: () => number, indoors: boolean): Float32Array {
  const { height, width } = size;
  const level = 165 + 35 * uniform();
  const [right, down] = [30 * (uniform() - 0.5), 30 * (uniform() - 0.5)];
  const coarse = Float32Array.from({ length: 9 * 12 }, () => 14 * (uniform() - 0.5));
  const blotches = resizer([9, 12], [height, width])(coarse);
  const floor = indoors ? 92 : height;
  return blotches.map((blotch, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    const slope = right * (column / width - 0.5) + down * (row / height - 0.5);
    return level + slope + blotch - (row >= floor ? 30 : 0);
  });
}

/** Darkens an ellipse on the ground below the feet. */
function drawShadow(frame: Float32Array, x: number, ground: number, height: number): void {
  for (let i = 0; i < frame.length; i++) {
    const across = ((i % size.width) - x) / (0.3 * height);
    const down = (Math.floor(i / size.width) - ground) / (0.05 * height);
    frame[i] -= 40 * Math.max(0, 1 - across * across - down * down);
  }
}

/** The unbroken parts that are true, from 1 on, the last included. */
function ranges(seen: readonly boolean[]): [first: number, last: number][] {
  const found: [number, number][] = [];
  for (let t = 0; t < seen.length; t++) {
    if (!seen[t]) continue;
    if (seen[t - 1]) found[found.length - 1][1] = t + 1;
    else found.push([t + 1, t + 1]);
  }
  return found;
}
