import { extname } from "node:path";
import { placeAtomic } from "../../files";
import { UserError } from "../../types";
import { Ffmpeg } from "./ffmpeg";
import { type Grey, type LevelPicture, levelsOf } from "./image";
import { ppmPictures } from "./ppm";
import { requireWholeVideo } from "./videoLength";

/** What reads a video, by its ending: never what the file says of itself, as a list of other files would then be followed. */
const demuxers: Readonly<Record<string, string>> = {
  ".avi": "avi",
  ".mp4": "mov",
  ".mov": "mov",
  ".mkv": "matroska",
  ".webm": "matroska",
};

/** Endings of the videos that can be read. */
export const videoEndings: readonly string[] = Object.keys(demuxers);

/** Levels rounded to the nearest, the same on every machine; ffmpeg's default is up to one level darker. */
const scale = "scale=flags=bicubic+accurate_rnd+full_chroma_int+bitexact";
/** What ffmpeg warns of when a frame is not like the first one. */
const changed = "Changing video frame properties";

export interface VideoOptions {
  /** 1 for grey, 3 for colour. Default 1. */
  readonly channels?: 1 | 3;
  /** How colour becomes grey. Default "weighted", as for pictures. */
  readonly grey?: Grey;
  /** Seconds that ffmpeg may take for a frame before it is given up. Default 60. */
  readonly stall?: number;
}

/**
 * The frames of a video one by one, each 8-bit levels [height, width, channels], decoded by ffmpeg as they are asked for; its full
 * range of brightness is 0..255. ffmpeg is ended where one stops before the last.
 *
 * Errors: ffmpeg is not installed; missing, empty, cut off, damaged; no video in it; frames of different sizes.
 */
export async function* videoFrames(
  path: string,
  { channels = 1, grey = "weighted", stall = 60 }: VideoOptions = {},
): AsyncGenerator<LevelPicture, void, void> {
  const ending = extname(path).toLowerCase();
  if (!Object.hasOwn(demuxers, ending))
    throw new UserError(`${path}: expected a video (${videoEndings.join(", ")}), got ${ending || "no ending"}`);
  requireWholeVideo(path, demuxers[ending]);
  const input = ["-protocol_whitelist", "file,pipe", "-threads", "1", "-reinit_filter", "0"];
  const output = ["-map", "0:V:0", "-fps_mode", "passthrough", "-vf", scale, "-pix_fmt", "rgb24", "-threads", "1"];
  const args = [...input, "-f", demuxers[ending], "-i", `file:${path}`, ...output, "-c:v", "ppm"];
  const ffmpeg = await Ffmpeg.start([...args, "-f", "image2pipe", "pipe:1"]);
  try {
    let frames = 0;
    for await (const { height, width, rgb } of ppmPictures(ffmpeg.output(stall, path), path)) {
      if (ffmpeg.hasSaid(changed)) break;
      frames++;
      yield { height, width, channels, levels: levelsOf(rgb, 3, channels, grey) };
    }
    if (ffmpeg.hasSaid(changed)) throw new UserError(`${path}: its frames are not all of one size and kind`);
    await ffmpeg.end(`${path}: no ${ending} video that can be read`);
    if (frames === 0) throw new UserError(`${path}: expected a video, got no frame`);
  } finally {
    await ffmpeg.stop();
  }
}

export interface VideoFormat {
  readonly height: number;
  readonly width: number;
  /** Frames a second. */
  readonly rate: number;
}

/**
 * Writes grey frames, each 8-bit levels [height, width], as an AVI video of MPEG-4 part 2 with the tag DX50, like those of KTH. It
 * loses a little; equal frames give equal files. It appears under its name only when it is whole.
 *
 * Errors: ffmpeg is not installed; a frame of another size; no frame; the file cannot be written.
 */
export async function encodeVideo(
  path: string,
  { height, width, rate }: VideoFormat,
  frames: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  let count = 0;
  async function* checked() {
    for await (const frame of frames) {
      if (frame.length !== height * width)
        throw new UserError(`${path}, frame ${count}: expected ${height} x ${width}, got ${frame.length} levels`);
      count++;
      yield frame;
    }
    if (count === 0) throw new UserError(`${path}: expected frames, got none`);
  }
  const input = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", `${width}x${height}`, "-r", `${rate}`, "-i", "pipe:0"];
  const coding = ["-vf", scale, "-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-vtag", "DX50", "-q:v", "3", "-threads", "1"];
  const exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact"];
  await placeAtomic(path, async (temporary) => {
    const ffmpeg = await Ffmpeg.start([...input, ...coding, ...exact, "-f", "avi", "-y", `file:${temporary}`]);
    try {
      await ffmpeg.feed(checked());
      await ffmpeg.end(`cannot write ${path}`);
    } finally {
      await ffmpeg.stop();
    }
  });
}
