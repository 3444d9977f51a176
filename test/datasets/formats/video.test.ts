import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type LevelPicture, readImage } from "#src/datasets/formats/image";
import { encodeVideo, type VideoOptions, videoFrames } from "#src/datasets/formats/video";
import { hasFfmpeg } from "../hasFfmpeg";
import { sharedPath } from "../sharedData";

const folder = mkdtempSync(join(tmpdir(), "video-"));
after(() => rmSync(folder, { recursive: true }));

const sample = sharedPath("kth/kth_like_dx50_160x120.avi");
const real = { skip: !hasFfmpeg ? "no ffmpeg" : !existsSync(sample) && "no shared data" };
const needed = { skip: !hasFfmpeg && "no ffmpeg" };

async function all(path: string, options?: VideoOptions): Promise<LevelPicture[]> {
  const found: LevelPicture[] = [];
  for await (const picture of videoFrames(path, options)) found.push(picture);
  return found;
}
const refused = (path: string, message: RegExp, options?: VideoOptions) =>
  assert.rejects(all(path, options), (error: Error) => {
    assert.equal(error.name, "UserError");
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"), error.message);
    return true;
  });

/** Runs with another PATH. */
async function withPath(path: string, run: () => Promise<unknown>): Promise<void> {
  const before = process.env.PATH;
  process.env.PATH = path;
  try {
    await run();
  } finally {
    process.env.PATH = before;
  }
}

/** A PATH whose ffmpeg is this script. */
function pretended(script: string): string {
  const place = mkdtempSync(join(folder, "bin-"));
  writeFileSync(join(place, "ffmpeg"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(place, "ffmpeg"), 0o755);
  return place;
}

/** Processes that this one has started and that still run. */
const children = () =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ")[1] === `${process.pid}`;
      } catch {
        return false;
      }
    });

/** Frames of a bright square that moves over a slope. */
const squares = (count: number, height = 48, width = 64) =>
  Array.from({ length: count }, (_, t) =>
    Uint8Array.from({ length: height * width }, (_, i) => {
      const [row, column] = [Math.floor(i / width), i % width];
      return row >= 10 && row < 30 && column >= t && column < t + 20 ? 200 : 40 + row;
    }),
  );

/** The smallest file that passes as AVI before ffmpeg sees it. */
const asAvi = (text: string) => {
  const body = Buffer.concat([Buffer.from("RIFF\0\0\0\0AVI "), Buffer.from(text)]);
  body.writeUInt32LE(body.length - 8, 4);
  return body;
};

test("a clip coded like KTH's gives ffmpeg's own pictures", real, async () => {
  const pictures = join(folder, "pictures");
  mkdirSync(pictures);
  const args = ["-v", "error", "-i", sample, "-fps_mode", "passthrough", join(pictures, "%d.png")];
  execFileSync("ffmpeg", args);
  const colour = await all(sample, { channels: 3 });
  assert.equal(colour.length, 100);
  let most = 0;
  for (const [i, { height, width, levels }] of colour.entries()) {
    assert.deepEqual([height, width, levels.length], [120, 160, 120 * 160 * 3]);
    const expected = (await readImage(join(pictures, `${i + 1}.png`), 3)).levels;
    levels.forEach((level, at) => {
      most = Math.max(most, Math.abs(level - expected[at]));
    });
  }
  // Its own are not always rounded to the nearest.
  assert.ok(most <= 1, `${most} levels apart`);
  const planes = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"];
  const raw = execFileSync("ffmpeg", ["-v", "error", "-i", sample, ...planes], { maxBuffer: 2 ** 24 });
  // ITU-R BT.601: brightness is stored as 16..235; the clip has no colour.
  const full = (luma: number) => Math.min(Math.max(Math.round(((luma - 16) * 255) / 219), 0), 255);
  for (const t of [0, 50, 99]) {
    const luma = raw.subarray(t * 28_800, t * 28_800 + 19_200);
    assert.deepEqual(
      colour[t].levels.filter((_, i) => i % 3 === 2),
      Uint8Array.from(luma, full),
    );
  }
  const [blue] = await all(sample, { grey: "blue" });
  assert.deepEqual(
    blue.levels,
    colour[0].levels.filter((_, i) => i % 3 === 2),
  );
  // Its whole range is used, not the 16..235 that is stored.
  assert.ok(Math.min(...blue.levels) < 8, `darkest ${Math.min(...blue.levels)}`);
});

test("what is written is read again, nearly; equal frames give equal files", needed, async () => {
  const frames = squares(30);
  const path = join(folder, "written", "a.avi");
  await encodeVideo(path, { height: 48, width: 64, rate: 25 }, frames);
  const found = await all(path);
  assert.equal(found.length, 30);
  found.forEach(({ height, width, channels, levels }, t) => {
    assert.deepEqual([height, width, channels], [48, 64, 1]);
    const error = levels.reduce((sum, level, i) => sum + Math.abs(level - frames[t][i]), 0) / levels.length;
    assert.ok(error < 3, `frame ${t}: ${error} levels`);
  });
  assert.equal(readFileSync(path).toString("latin1", 0x70, 0x74), "DX50");
  await encodeVideo(join(folder, "b.avi"), { height: 48, width: 64, rate: 25 }, frames);
  assert.deepEqual(readFileSync(join(folder, "b.avi")), readFileSync(path));
});

test("videos of other kinds, and colour", needed, async () => {
  const path = join(folder, "b.avi");
  await encodeVideo(path, { height: 48, width: 64, rate: 25 }, squares(5));
  const [{ levels: grey }] = await all(path);
  for (const [name, coding] of Object.entries({ "a.mp4": "mpeg4", "a.mov": "png", "a.mkv": "ffv1", "a.webm": "vp8" })) {
    const other = join(folder, name);
    execFileSync("ffmpeg", ["-v", "error", "-i", path, "-c:v", coding, other]);
    const frames = await all(other);
    assert.equal(frames.length, 5, name);
    const error = frames[0].levels.reduce((sum, level, i) => sum + Math.abs(level - grey[i]), 0) / grey.length;
    assert.ok(error < 6, `${name}: ${error} levels`);
  }
  const red = join(folder, "red.mkv");
  execFileSync("ffmpeg", [
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    "color=red:s=16x16:d=0.2,format=rgb24",
    "-c:v",
    "png",
    red,
  ]);
  assert.deepEqual([...(await all(red, { channels: 3 }))[0].levels.subarray(0, 3)], [255, 0, 0]);
  assert.equal((await all(red))[0].levels[0], Math.round(0.299 * 255));
  assert.equal((await all(red, { grey: "blue" }))[0].levels[0], 0);
});

test("bad input: one clear line", needed, async () => {
  const put = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  await refused(join(folder, "none.avi"), /video not found: expected a file at .*none\.avi/);
  await refused(folder, /expected a video \(\.avi, .*\), got no ending/);
  await refused(put("a.gif", "GIF89a"), /a\.gif: expected a video/);
  await refused(put("empty.avi", ""), /empty\.avi is empty, expected a video/);
  await refused(put("empty.mp4", ""), /empty\.mp4 is empty/);
  await refused(put("short.avi", "RIFF"), /expected an AVI file, which begins with RIFF/);
  await refused(put("text.avi", "this is a text and no video"), /expected an AVI file, which begins with RIFF/);
  await refused(put("only.avi", asAvi("")), /only\.avi: no \.avi video that can be read \(.+\)/);
  await refused(put("text.mkv", "this is a text and no video"), /text\.mkv: no \.mkv video that can be read \(.+\)/);
  const sound = join(folder, "sound.mkv");
  execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", "sine=d=0.2", sound]);
  await refused(sound, /sound\.mkv: no \.mkv video that can be read \(.*matches no streams/);
});

test("a list of other files is not followed, whatever its name", needed, async () => {
  const lists = [
    "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "ffconcat version 1.0\nfile /etc/passwd\n",
  ];
  for (const list of lists) {
    for (const ending of ["avi", "mp4", "mkv", "webm"]) {
      const path = join(folder, `list.${ending}`);
      writeFileSync(path, list);
      await refused(path, /expected an AVI file|no \.\w+ video that can be read/);
    }
    writeFileSync(join(folder, "list.avi"), asAvi(list));
    await refused(join(folder, "list.avi"), /no \.avi video that can be read/);
  }
  // One that would be followed, if the content decided.
  await encodeVideo(join(folder, "real.avi"), { height: 48, width: 64, rate: 25 }, squares(3));
  writeFileSync(join(folder, "list.mkv"), "ffconcat version 1.0\nfile real.avi\n");
  await refused(join(folder, "list.mkv"), /no \.mkv video that can be read/);
});

test("a cut or damaged video is refused at every place", real, async () => {
  const whole = await all(sample);
  const size = statSync(sample).size;
  for (const left of [12, 200, 4000, 5000, 30_000, 65_000, size - 1]) {
    const path = join(folder, "cut.avi");
    writeFileSync(path, readFileSync(sample).subarray(0, left));
    await refused(path, /is cut off: expected \d+ bytes/);
    // With a header that fits, as an interrupted writer may leave it, there is an error, or what is there.
    let frames = 0;
    if (left < 200) continue;
    const bytes = readFileSync(path);
    bytes.writeUInt32LE(left - 8, 4);
    writeFileSync(path, bytes);
    try {
      for await (const { levels } of videoFrames(path)) assert.deepEqual(levels, whole[frames++].levels);
    } catch (error) {
      assert.equal((error as Error).name, "UserError", `${error}`);
    }
  }
  for (const ending of ["mkv", "webm", "mp4"]) {
    const path = join(folder, `whole.${ending}`);
    const coding = ending === "webm" ? "vp8" : "copy";
    execFileSync("ffmpeg", ["-v", "error", "-i", sample, "-c:v", coding, "-movflags", "+faststart", path]);
    assert.equal((await all(path)).length, 100);
    const content = readFileSync(path);
    for (const part of [0.01, 0.1, 0.5, 0.9, 0.999]) {
      const cut = join(folder, `cut.${ending}`);
      writeFileSync(cut, content.subarray(0, Math.floor(part * content.length)));
      await refused(
        cut,
        ending === "mp4" ? /no \.mp4 video that can be read/ : /cut\.\w+ is cut off: expected \d+ bytes/,
      );
    }
  }
  const bytes = readFileSync(sample);
  bytes.fill(0xff, 30_000, 40_000);
  writeFileSync(join(folder, "damaged.avi"), bytes);
  await refused(join(folder, "damaged.avi"), /damaged\.avi: no \.avi video that can be read \(.+\)/);
});

test("frames that change their size are refused", needed, async () => {
  const pictures = [48, 64].map((side) => {
    const path = join(folder, `${side}.mjpeg`);
    const input = ["-f", "lavfi", "-i", `testsrc=s=${side}x48:d=0.4`];
    execFileSync("ffmpeg", ["-v", "error", ...input, "-c:v", "mjpeg", path]);
    return readFileSync(path);
  });
  writeFileSync(join(folder, "both.mjpeg"), Buffer.concat(pictures));
  const path = join(folder, "both.avi");
  execFileSync("ffmpeg", ["-v", "error", "-f", "mjpeg", "-i", join(folder, "both.mjpeg"), "-c", "copy", path]);
  await refused(path, /both\.avi: its frames are not all of one size and kind/);
});

test("stopping early, or failing, leaves no process", needed, async (t) => {
  if (!existsSync("/proc/self/stat")) return t.skip("no /proc");
  const before = children();
  const path = join(folder, "long.avi");
  await encodeVideo(path, { height: 48, width: 64, rate: 25 }, squares(40));
  for await (const { levels } of videoFrames(path)) {
    assert.equal(levels.length, 48 * 64);
    assert.equal(children().length, before.length + 1);
    break;
  }
  assert.deepEqual(children(), before);
  const stopped = (async () => {
    for await (const _ of videoFrames(path)) throw new Error("mine");
  })();
  await assert.rejects(stopped, /^Error: mine$/);
  assert.deepEqual(children(), before);
});

test("a slow taker is waited for: frames are not read ahead", needed, async () => {
  const path = join(folder, "slow.avi");
  await encodeVideo(path, { height: 240, width: 320, rate: 25 }, squares(100, 240, 320));
  const frames = videoFrames(path, { stall: 1 });
  await frames.next();
  const used = process.memoryUsage().arrayBuffers;
  await new Promise((done) => setTimeout(done, 1500));
  // 100 frames are 23 MB.
  assert.ok(process.memoryUsage().arrayBuffers - used < 4e6);
  let count = 1;
  for await (const _ of frames) count++;
  assert.equal(count, 100);
});

test("without ffmpeg, one that hangs, and one that breaks off", async () => {
  const path = join(folder, "any.avi");
  writeFileSync(path, asAvi("anything"));
  const write = () => encodeVideo(join(folder, "not.avi"), { height: 48, width: 64, rate: 25 }, squares(100));
  await withPath("", async () => {
    const message = "ffmpeg not found, which reads and writes videos; to install it: apt-get install ffmpeg";
    await assert.rejects(all(path), { name: "UserError", message });
    await assert.rejects(write(), { name: "UserError", message });
  });
  const picture = "printf 'P6\\n1 1\\n255\\nabc'";
  await withPath(pretended(`${picture}; exec /bin/sleep 60`), async () => {
    const begun = Date.now();
    await refused(path, /any\.avi: ffmpeg gave nothing for 0\.3 s/, { stall: 0.3 });
    assert.ok(Date.now() - begun < 5000);
  });
  await withPath(pretended(`${picture}; echo '[avi @ 0x1] [error] broken' >&2; exit 69`), () =>
    refused(path, /any\.avi: no \.avi video that can be read \(broken\)/),
  );
  await withPath(pretended("exit 3"), async () => {
    await refused(path, /no \.avi video that can be read \(ffmpeg ended with 3\)/);
    await assert.rejects(write(), { name: "UserError", message: /cannot write .*not\.avi \(ffmpeg ended with 3\)/ });
  });
  await withPath(pretended("exit 0"), () => refused(path, /any\.avi: expected a video, got no frame/));
  assert.ok(!readdirSync(folder).some((name) => name.startsWith("not.avi")));
});

test("what cannot be written leaves nothing", needed, async () => {
  const place = join(folder, "refused");
  const write = (frames: Uint8Array[], path = join(place, "a.avi")) =>
    encodeVideo(path, { height: 48, width: 64, rate: 25 }, frames);
  await assert.rejects(write([...squares(3), new Uint8Array(7)]), {
    name: "UserError",
    message: /a\.avi, frame 3: expected 48 x 64, got 7 levels/,
  });
  await assert.rejects(write([]), { name: "UserError", message: /a\.avi: expected frames, got none/ });
  assert.deepEqual(readdirSync(place), []);
  await assert.rejects(write(squares(3), "/proc/none/a.avi"), { name: "UserError", message: /cannot write \/proc/ });
});
