import { dirname, join } from "node:path";

/** The calls that our pictures make; node-canvas and @napi-rs/canvas both have them. */
export interface Context {
  font: string;
  fillStyle: string;
  strokeStyle: string;
  lineWidth: number;
  lineJoin: string;
  globalAlpha: number;
  textAlign: string;
  textBaseline: string;
  save(): void;
  restore(): void;
  translate(x: number, y: number): void;
  rotate(angle: number): void;
  scale(x: number, y: number): void;
  beginPath(): void;
  closePath(): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  arc(x: number, y: number, radius: number, from: number, to: number): void;
  rect(x: number, y: number, width: number, height: number): void;
  clip(): void;
  fill(): void;
  stroke(): void;
  fillRect(x: number, y: number, width: number, height: number): void;
  strokeRect(x: number, y: number, width: number, height: number): void;
  setLineDash(lengths: number[]): void;
  fillText(text: string, x: number, y: number): void;
  measureText(text: string): { readonly width: number };
  createImageData(width: number, height: number): { readonly data: Uint8ClampedArray };
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
  putImageData(image: { readonly data: Uint8ClampedArray }, x: number, y: number): void;
}

/** A drawing surface; `toBuffer` gives the bytes of a PNG file. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  getContext(kind: "2d"): Context;
  toBuffer(type: "image/png"): Buffer;
}

interface Engine {
  createCanvas(width: number, height: number): Canvas;
  registerFont?(path: string, face: { family: string; weight?: string }): void;
  GlobalFonts?: { registerFromPath(path: string, name: string): unknown };
  loadImage(source: Buffer): Promise<unknown>;
}

const family = "DejaVu Sans";
let engine: Engine | undefined;

/** The optional peer `canvas` if it is installed, otherwise `@napi-rs/canvas`, with our own font registered. */
function chooseEngine(): Engine {
  if (engine) return engine;
  const fonts = join(dirname(require.resolve("dejavu-fonts-ttf/package.json")), "ttf");
  const [regular, bold] = [join(fonts, "DejaVuSans.ttf"), join(fonts, "DejaVuSans-Bold.ttf")];
  try {
    engine = require("canvas") as Engine;
  } catch {
    engine = require("@napi-rs/canvas") as Engine;
  }
  if (engine.GlobalFonts) {
    engine.GlobalFonts.registerFromPath(regular, family);
    engine.GlobalFonts.registerFromPath(bold, family);
  } else {
    engine.registerFont?.(regular, { family });
    engine.registerFont?.(bold, { family, weight: "bold" });
  }
  return engine;
}

/** A white surface of `width` by `height` pixels, and its context. */
export function blank(width: number, height: number): { canvas: Canvas; context: Context } {
  const canvas = chooseEngine().createCanvas(Math.ceil(width), Math.ceil(height));
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return { canvas, context };
}

/** The pixels of a picture file, four bytes each: red, green, blue, opacity. */
export async function decodePicture(file: Buffer): Promise<{ data: Uint8ClampedArray; width: number; height: number }> {
  const image = (await chooseEngine().loadImage(file)) as { width: number; height: number };
  const canvas = chooseEngine().createCanvas(image.width, image.height);
  const context = canvas.getContext("2d") as Context & { drawImage(image: unknown, x: number, y: number): void };
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  return { data, width: image.width, height: image.height };
}

/** A font for `context.font`: DejaVu Sans, the same on every machine. `size` in pixels. */
export const font = (size: number, bold = false): string => `${bold ? "bold " : ""}${size}px "${family}"`;

let ruler: Context | undefined;

/** Width of a line of text, in pixels. */
export function textWidth(text: string, size: number, bold = false): number {
  ruler ??= blank(1, 1).context;
  ruler.font = font(size, bold);
  return ruler.measureText(text).width;
}

/** The widest of some lines of text, in pixels; 0 for none. */
export const widest = (lines: readonly string[], size: number, bold = false): number =>
  Math.max(0, ...lines.map((line) => textWidth(line, size, bold)));

export interface TextOptions {
  /** Size in pixels, default 12. */
  size?: number;
  /** Default false. */
  bold?: boolean;
  /** Default "#222222". */
  colour?: string;
  /** Which point of the text stands at x; default "left". */
  align?: "left" | "center" | "right";
  /** Which point of the text stands at y; default "alphabetic". */
  baseline?: "top" | "middle" | "alphabetic" | "bottom";
  /** Turned by this angle about (x, y), in degrees anticlockwise; default 0. */
  turn?: number;
}

/** Writes one line of text. */
export function write(context: Context, text: string, x: number, y: number, options: TextOptions = {}): void {
  const { size = 12, bold = false, colour = ink, align = "left", baseline = "alphabetic", turn = 0 } = options;
  context.save();
  context.font = font(size, bold);
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = baseline;
  context.translate(x, y);
  if (turn) context.rotate((-turn * Math.PI) / 180);
  context.fillText(text, 0, 0);
  context.restore();
}

/** Colour of text. */
export const ink = "#222222";
