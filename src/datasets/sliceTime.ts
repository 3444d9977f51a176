import { type Sequences, UserError } from "../types";

/** Frames `from` up to, not including, `to` of every clip, as a copy: [batch, to - from, height, width, channels]. */
export function sliceTime({ data, shape }: Sequences, from: number, to: number = shape[1]): Sequences {
  const [batch, time, height, width, channels] = shape;
  if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= time)) {
    throw new UserError(`frames ${from} to ${to}: expected a part of the clip's 0 to ${time}`);
  }
  const frame = height * width * channels;
  const result = new Float32Array(batch * (to - from) * frame);
  for (let clip = 0; clip < batch; clip++) {
    const start = clip * time * frame;
    result.set(data.subarray(start + from * frame, start + to * frame), clip * (to - from) * frame);
  }
  return { data: result, shape: [batch, to - from, height, width, channels] };
}
