import { random } from "../../random";

/**
 * Scales of the field, from bands to cells: distance of the lattice's nodes, pixels of about 1 km; minutes after which its numbers
 * are others; share in the field. Small structures live short and are weak, as in real rain.
 */
const scales = [128, 64, 32, 16, 8].map((pixels) => ({
  pixels,
  minutes: 2.5 * pixels,
  share: Math.sqrt(pixels / 128),
}));

/** Makes the field's variance 1: between the nodes the smooth lattice has 0.55 of theirs. */
const spread = Math.sqrt(0.55 * scales.reduce((sum, { share }) => sum + share ** 2, 0));

/** Nodes of a lattice along one side, a power of two; then it repeats. */
const NODES = 64;
const LAST = NODES - 1;

/** How the weather of one day moves and changes. */
interface Day {
  /** Where the air is, pixels from where it was at midnight, at each picture. */
  readonly path: readonly (readonly [x: number, y: number])[];
  /** Direction of bands, and by how much they are longer than wide. */
  readonly angle: number;
  readonly stretch: number;
  /** Above which value of the field it rains, at each picture. */
  readonly threshold: readonly number[];
}

/**
 * Simulated rain of one day: a function that draws picture 0, 1, ... of `minutes` each as reflectivity in [0, 1], [side, side].
 *
 * A field of smooth noise on several scales, drifting with a slowly turning wind, stretched into bands, in which each scale forgets
 * itself at its own pace, gives reflectivity where it exceeds a threshold that rises and falls over the day. That rain in dBZ is such
 * a cascade, whose small scales live shortest, is the idea of Seed, "A Dynamic and Spatial Scaling Approach to Advection Forecasting"
 * (2003). Thresholds are such that about 10, 5, 3, 1.5 and 0.4 % of the pixels have rain rates of 0.5, 2, 5, 10 and 30 mm/h or more, as on
 * rainy days. Each picture is a function of (seed, day, picture) alone.
 */
export function rainField({
  seed,
  day,
  pictures,
  minutes,
  side,
}: Readonly<Record<"seed" | "day" | "pictures" | "minutes" | "side", number>>): (
  picture: number,
  into: Float32Array,
) => void {
  const { path, angle, stretch, threshold } = drawDay(seed, day, pictures, minutes);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return (picture, into) => {
    const [x0, y0] = path[picture];
    into.fill(0);
    for (const [number, { pixels, minutes: lifetime, share }] of scales.entries()) {
      const lattice = latticeAt((picture * minutes) / lifetime, seed, day, number);
      // Each lattice lies at another angle, so that none of its directions shows.
      const [a, b] = [Math.cos(number) / pixels, Math.sin(number) / pixels];
      for (let row = 0, at = 0; row < side; row++) {
        const y = row - y0;
        for (let column = 0; column < side; column++, at++) {
          const x = column - x0;
          const along = (x * cos + y * sin) / stretch;
          const across = y * cos - x * sin;
          into[at] += share * interpolated(lattice, a * along + b * across, a * across - b * along);
        }
      }
    }
    for (let i = 0; i < into.length; i++) {
      const excess = into[i] / spread - threshold[picture];
      // Rises fast at the edge and ever slower, so that hail is rare.
      into[i] = excess > 0 ? 1 - Math.exp(-excess / 1.7) : 0;
    }
  };
}

function drawDay(seed: number, day: number, pictures: number, minutes: number): Day {
  const uniform = random("rain", seed, day);
  const between = (low: number, high: number) => low + (high - low) * uniform();
  const speed = between(20, 60) / 60; // pixels a minute
  const heading = between(0, 2 * Math.PI);
  const turn = between(-1, 1) / (24 * 60);
  const [angle, stretch] = [between(0, Math.PI), between(1, 2.5)];
  const [usual, change, phase] = [between(0.6, 1), between(0.2, 0.6), between(0, 2 * Math.PI)];
  const path: [number, number][] = [[0, 0]];
  for (let picture = 1; picture < pictures; picture++) {
    const direction = heading + turn * picture * minutes;
    const [x, y] = path[picture - 1];
    path.push([x + speed * minutes * Math.cos(direction), y + speed * minutes * Math.sin(direction)]);
  }
  const threshold = path.map((_, i) => usual + change * Math.sin(phase + (2 * Math.PI * i * minutes) / (24 * 60)));
  return { path, angle, stretch, threshold };
}

/** Normal numbers at the nodes, which turn from one draw into the next while `age` goes from one whole number to the next. */
function latticeAt(age: number, seed: number, day: number, scale: number): Float32Array {
  const before = Math.floor(age);
  const [from, to] = [before, before + 1].map((draw) => random("rain", seed, day, scale, draw));
  const turned = ((age - before) * Math.PI) / 2;
  const [old, young] = [Math.cos(turned), Math.sin(turned)];
  // Box and Muller's, one of each pair.
  const normal = (uniform: () => number) => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const lattice = new Float32Array(NODES * NODES);
  for (let i = 0; i < lattice.length; i++) lattice[i] = old * normal(from) + young * normal(to);
  return lattice;
}

/** The lattice between its nodes, smooth. */
function interpolated(lattice: Float32Array, u: number, v: number): number {
  const left = Math.floor(u);
  const top = Math.floor(v);
  const a = u - left;
  const b = v - top;
  const right = a * a * (3 - 2 * a);
  const above = (top & LAST) * NODES;
  const below = ((top + 1) & LAST) * NODES;
  const i = left & LAST;
  const j = (left + 1) & LAST;
  const upper = lattice[above + i] + right * (lattice[above + j] - lattice[above + i]);
  const lower = lattice[below + i] + right * (lattice[below + j] - lattice[below + i]);
  return upper + b * b * (3 - 2 * b) * (lower - upper);
}
