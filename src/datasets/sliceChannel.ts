import type { Sequences } from "../types";

/** One channel of sequences: [batch, time, height, width, 1]. */
export function sliceChannel({ data, shape }: Sequences, channel: number): Sequences {
  const [batch, time, height, width, channels] = shape;
  const one = new Float32Array(data.length / channels);
  for (let i = 0; i < one.length; i++) one[i] = data[i * channels + channel];
  return { data: one, shape: [batch, time, height, width, 1] };
}
