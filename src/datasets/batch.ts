import type { Sequences } from "../types";

/** Clips of one shape as one batch. */
export function joinClips(clips: readonly Sequences[]): Sequences {
  const [, ...shape] = clips[0].shape;
  const data = new Float32Array(clips.reduce((sum, clip) => sum + clip.data.length, 0));
  let at = 0;
  for (const clip of clips) {
    data.set(clip.data, at);
    at += clip.data.length;
  }
  return { data, shape: [clips.reduce((sum, clip) => sum + clip.shape[0], 0), ...shape] };
}

/** Clip `i` of a batch, as a copy. */
export function clipAt({ data, shape: [batch, ...shape] }: Sequences, i: number): Sequences {
  const size = data.length / batch;
  return { data: data.slice(i * size, (i + 1) * size), shape: [1, ...shape] };
}
