/** [to the right, down], in pixels. */
export type Point = readonly [x: number, y: number];

/**
 * Where the top-left corner of a digit stands in each frame: [frames] points, the first being `start`.
 *
 * Per step and axis: if position + velocity leaves [-margin, limit + margin], that component of the velocity changes its
 * sign; then position += velocity. So a digit may stand up to `margin` pixels outside, and speed never changes.
 *
 * `limit` is frame side less digit side: one number, or one for each axis. Known answers: the published generator's
 * positions for 12 pairs of digits (test/reference/msrnn/moving_mnist).
 */
export function trajectory(
  start: Point,
  velocity: Point,
  frames: number,
  limit: number | Point,
  margin: number,
): [x: number, y: number][] {
  const [right, bottom] = typeof limit === "number" ? [limit, limit] : limit;
  let [x, y] = start;
  let [vx, vy] = velocity;
  const points: [number, number][] = [];
  for (let frame = 0; frame < frames; frame++) {
    points.push([x, y]);
    if (x + vx < -margin || x + vx > right + margin) vx = -vx;
    if (y + vy < -margin || y + vy > bottom + margin) vy = -vy;
    x += vx;
    y += vy;
  }
  return points;
}
