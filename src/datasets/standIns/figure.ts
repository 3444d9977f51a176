import type { KthClass } from "../kthVideos";

/** How one walks, jogs or runs; lengths in heights of the body, angles in radians. */
interface Gait {
  /** Heights a frame. */
  readonly speed: number;
  /** Heights in which both legs swing once. */
  readonly stride: number;
  /** Swing of the thighs about `reach`, which is forward. */
  readonly thigh: number;
  readonly reach: number;
  /** Bend of the knee of a standing leg, and how much more in mid-swing. */
  readonly knee: number;
  readonly lift: number;
  /** Swing of the upper arms, and bend of the elbows. */
  readonly arm: number;
  readonly elbow: number;
  /** The trunk leans forward. */
  readonly lean: number;
  /** Rise in the middle of a step. */
  readonly bounce: number;
}

export type WalkerClass = Extract<KthClass, "walking" | "jogging" | "running">;

export const gaits: Readonly<Record<WalkerClass, Gait>> = {
  walking: {
    ...{ speed: 0.03, stride: 0.85, thigh: 0.42, reach: 0.02, knee: 0.08, lift: 0.85 },
    ...{ arm: 0.4, elbow: 0.25, lean: 0.03, bounce: 0 },
  },
  jogging: {
    ...{ speed: 0.047, stride: 0.95, thigh: 0.5, reach: 0.1, knee: 0.25, lift: 1.25 },
    ...{ arm: 0.5, elbow: 1.4, lean: 0.11, bounce: 0.03 },
  },
  running: {
    ...{ speed: 0.075, stride: 1.35, thigh: 0.72, reach: 0.15, knee: 0.3, lift: 1.6 },
    ...{ arm: 0.8, elbow: 1.6, lean: 0.2, bounce: 0.05 },
  },
};

type Point = readonly [x: number, y: number];

/** A limb: what lies within `radius` of the line between two points, in pixels; its grey level. */
export interface Limb {
  readonly from: Point;
  readonly to: Point;
  readonly radius: number;
  readonly level: number;
}

/** A body to draw: grey levels of what it wears. */
export interface Body {
  /** Pixels. */
  readonly height: number;
  readonly shirt: number;
  readonly trousers: number;
  readonly skin: number;
  /** Bulk of trunk and limbs beside the usual. */
  readonly bulk: number;
}

/** The point `length` from another, at an angle from straight down, forward where positive. */
const along = ([x, y]: Point, length: number, angle: number): Point => [
  x + length * Math.sin(angle),
  y + length * Math.cos(angle),
];

/**
 * The limbs of a body seen from the side, the farthest first. Its feet stand on the line y = `ground`, its hip is at `x`; it faces
 * right where `facing` is 1, left where it is -1. `phase` is its place in the stride, in radians.
 */
export function figure(
  { height, shirt, trousers, skin, bulk }: Body,
  gait: Gait,
  phase: number,
  x: number,
  ground: number,
  facing: 1 | -1,
): Limb[] {
  const legs = [0, Math.PI].map((behind) => {
    const thigh = gait.reach + gait.thigh * Math.sin(phase + behind);
    const shin = thigh - gait.knee - gait.lift * Math.max(0, Math.cos(phase + behind + 0.2));
    const toe = 0.08 * Math.max(0, Math.cos(shin + 1.4));
    return { thigh, shin, down: 0.25 * Math.cos(thigh) + 0.23 * Math.cos(shin) + toe };
  });
  const rise = gait.bounce * Math.sin(phase) ** 2;
  // In heights, forward and down from the point on the ground below the hip.
  const hip: Point = [0, -0.02 - rise - Math.max(...legs.map(({ down }) => down))];
  const neck = along(hip, -0.31, -gait.lean);
  const shoulder = along(hip, -0.28, -gait.lean);
  const head = along(neck, -0.09, -gait.lean);

  const place = ([forward, down]: Point): Point => [x + facing * height * forward, ground + height * down];
  const limb = (from: Point, to: Point, thick: number, level: number): Limb => ({
    ...{ from: place(from), to: place(to), radius: thick * height * bulk, level },
  });
  const side = (i: 0 | 1, shade: number): Limb[] => {
    const { thigh, shin } = legs[i];
    const knee = along(hip, 0.25, thigh);
    const ankle = along(knee, 0.23, shin);
    const toe = along(ankle, 0.08, shin + 1.4);
    // Arms swing against the legs of their side.
    const upper = -gait.arm * Math.sin(phase + i * Math.PI);
    const elbow = along(shoulder, 0.17, upper);
    const hand = along(elbow, 0.16, upper + gait.elbow);
    return [
      limb(ankle, toe, 0.022, shade * 0.7 * trousers),
      limb(knee, ankle, 0.038, shade * trousers),
      limb(hip, knee, 0.055, shade * trousers),
      limb(elbow, hand, 0.026, shade * skin),
      limb(shoulder, elbow, 0.033, shade * 0.9 * shirt),
    ];
  };
  const [far, near] = [side(1, 0.85), side(0, 1)];
  const trunk = [limb(hip, shoulder, 0.072, shirt), limb(shoulder, neck, 0.035, skin), limb(neck, head, 0.03, skin)];
  const skull = limb(head, along(head, -0.03, -gait.lean), 0.058, skin);
  return [...far, ...trunk, skull, ...near];
}

/**
 * Draws limbs over a frame of levels, [height, width], with smooth edges: a pixel takes as much of a limb as of it lies within.
 * Limbs are lighter to the left, where the light comes from.
 */
export function drawLimbs(frame: Float32Array, width: number, limbs: readonly Limb[]): void {
  const height = frame.length / width;
  for (const { from, to, radius, level } of limbs) {
    const reach = radius + 1;
    const [along, across] = [to[0] - from[0], to[1] - from[1]];
    const square = Math.max(along * along + across * across, 1e-9);
    const top = Math.max(0, Math.floor(Math.min(from[1], to[1]) - reach));
    const bottom = Math.min(height - 1, Math.ceil(Math.max(from[1], to[1]) + reach));
    const left = Math.max(0, Math.floor(Math.min(from[0], to[0]) - reach));
    const right = Math.min(width - 1, Math.ceil(Math.max(from[0], to[0]) + reach));
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const [x, y] = [column - from[0], row - from[1]];
        const part = Math.min(Math.max((x * along + y * across) / square, 0), 1);
        const [dx, dy] = [x - part * along, y - part * across];
        const cover = Math.min(Math.max(radius + 0.5 - Math.hypot(dx, dy), 0), 1);
        if (cover === 0) continue;
        const at = row * width + column;
        frame[at] += cover * (level - (14 * dx) / radius - frame[at]);
      }
    }
  }
}
