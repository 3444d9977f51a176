import { UserError } from "../types";
import { type Grey, type LevelPicture, readImage } from "./formats/image";
import { videoFrames } from "./formats/video";
import type { FrameStream } from "./prepared";
import { resizer } from "./resize";

/** A recording as pictures, one by one, each with the file it lies in. */
export interface PictureRecording {
  readonly name: string;
  pictures(): AsyncIterable<readonly [path: string, picture: LevelPicture]>;
}

/** Picture files as a recording. */
export const picturesAt = (name: string, paths: readonly string[], channels: 1 | 3, grey?: Grey): PictureRecording => ({
  name,
  async *pictures() {
    for (const path of paths) yield [path, await readImage(path, channels, grey)];
  },
});

/** A video as a recording. */
export const videoAt = (name: string, path: string, channels: 1 | 3, grey?: Grey): PictureRecording => ({
  name,
  async *pictures() {
    for await (const picture of videoFrames(path, { channels, grey })) yield [path, picture];
  },
});

/**
 * Recordings to prepare, their pictures decoded one by one and resized to each of `sizes` in turn, rounded to 8 bits after each.
 * Error: they differ in size.
 */
export async function pictureStream(
  recordings: readonly PictureRecording[],
  channels: 1 | 3,
  sizes: readonly (readonly [height: number, width: number])[] = [],
): Promise<FrameStream> {
  const [like, first] = await firstOf(recordings[0]);
  const size = [first.height, first.width] as const;
  const steps = sizes.map((to, i) => resizer(i === 0 ? size : sizes[i - 1], to, channels));
  const [height, width] = sizes.at(-1) ?? size;
  async function* frames({ pictures }: PictureRecording): AsyncGenerator<Uint8Array> {
    for await (const [path, picture] of pictures()) {
      if (picture.height !== size[0] || picture.width !== size[1]) {
        throw new UserError(
          `${path} is ${picture.height} x ${picture.width}, expected ${size[0]} x ${size[1]} like ${like}`,
        );
      }
      yield steps.reduce((levels, resize) => resize(levels), picture.levels);
    }
  }
  return {
    ...{ height, width, channels, type: "u1" },
    async *recordings() {
      for (const recording of recordings) yield { name: recording.name, frames: frames(recording) };
    },
  };
}

async function firstOf({ name, pictures }: PictureRecording): Promise<readonly [path: string, picture: LevelPicture]> {
  for await (const picture of pictures()) return picture;
  throw new UserError(`${name}: expected pictures, got none`);
}
