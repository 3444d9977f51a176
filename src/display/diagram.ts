import type { Model } from "../model";
import type { Wiring } from "../wiring";
import { blank, type Context, ink, textWidth, write } from "./canvas";
import { palette } from "./colour";
import { type Picture, picture } from "./mime";

export interface DiagramOptions {
  /** Above the diagram. Default: the network's name, none for a wiring. */
  title?: string;
  /** Pixels of the PNG for each pixel of the layout. Default 2. */
  scale?: number;
}

/** What a diagram needs to know of a layer. */
interface Layer {
  readonly scale: number;
  /** In its box. */
  readonly lines: readonly string[];
  readonly sources: readonly number[];
}

interface Point {
  readonly x: number;
  readonly y: number;
}

const box = { width: 108, height: 46 };
const gap = { x: 44, y: 44 };
/** Between a box and the nearest lane, and between lanes. */
const clear = 18;
const laneStep = 15;
const margin = 24;
/** Room left and right for what goes in and comes out. */
const outside = 116;

/** True for a wiring or a network, which `show` draws as a diagram. */
export function isDrawn(value: unknown): value is Wiring | Model {
  if (typeof value !== "object" || value === null) return false;
  const { scale, edges, stack } = value as Partial<Wiring & Model>;
  return (Array.isArray(scale) && Array.isArray(edges)) || isDrawn((stack as { wiring?: unknown } | undefined)?.wiring);
}

/**
 * Draws a wiring: a box for each layer, left to right in the order of computation, each row a scale; arrows for its edges,
 * with what they shrink or enlarge by. Of a network also what its cells are and how large their maps. The text says the same.
 */
export function diagram(drawn: Wiring | Model, options: DiagramOptions = {}): Picture {
  const model = "stack" in drawn ? drawn : undefined;
  const wiring = "stack" in drawn ? drawn.stack.wiring : drawn;
  const { title = model?.name, scale: pixels = 2 } = options;
  const layers = layersOf(wiring, model);
  const rows = [...new Set(wiring.scale)].sort((a, b) => a - b);
  const lanes = lanesOf(wiring, rows);
  const room = rows.map((_, row) => {
    const count = lanes.filter((lane) => lane.row === row).length;
    return count > 0 ? 2 * clear + (count - 1) * laneStep : row > 0 ? gap.y : 0;
  });
  const tops = rows.map((_, row) => room.slice(0, row + 1).reduce((a, b) => a + b, 0) + row * box.height);
  const above = margin + (title ? 30 : 0);
  const notes = notesOf(wiring, model);
  const width = 2 * (margin + outside) + layers.length * box.width + (layers.length - 1) * gap.x;
  const height = above + tops[tops.length - 1] + box.height + 20 + 18 * notes.length + margin;
  const { canvas, context } = blank(width * pixels, height * pixels);
  context.scale(pixels, pixels);
  const corner = (layer: number): Point => ({
    x: margin + outside + layer * (box.width + gap.x),
    y: above + tops[rows.indexOf(layers[layer].scale)],
  });
  if (title) write(context, title, width / 2, margin + 8, { size: 16, bold: true, align: "center" });
  rows.forEach((row, i) => {
    write(context, sizeOf(row), margin, above + tops[i] + box.height / 2, {
      size: 11,
      colour: "#808080",
      baseline: "middle",
    });
  });
  const plane: Plane = { wiring, lanes, corner, laneY: (row, lane) => above + tops[row] - clear - lane * laneStep };
  const near = wiring.edges.filter(([from, to]) => to - from === 1);
  const labels = [
    ...lanes.map((lane) => drawFar(context, lane, plane)),
    ...near.map(([from]) => drawNear(context, from, plane)),
  ];
  // Above all lines.
  for (const [at, colour, [from, to]] of labels) drawLabel(context, at, colour, wiring.scale[from], wiring.scale[to]);
  layers.forEach(({ lines }, layer) => {
    drawBox(context, corner(layer), lines);
  });
  const [first, last] = [corner(0), corner(layers.length - 1)];
  const middle = first.y + box.height / 2;
  arrow(
    context,
    [
      { x: first.x - 42, y: middle },
      { x: first.x, y: middle },
    ],
    ink,
  );
  write(context, "frame", first.x - 24, middle - 7, { size: 11, align: "center" });
  const end = last.x + box.width;
  arrow(
    context,
    [
      { x: end, y: last.y + box.height / 2 },
      { x: end + 42, y: last.y + box.height / 2 },
    ],
    ink,
  );
  write(context, "forecast", end + 8, last.y + box.height / 2 - 7, { size: 11 });
  notes.forEach((note, i) => {
    write(context, note, margin, height - margin - 18 * (notes.length - 1 - i), { size: 11 });
  });
  return picture({ png: canvas.toBuffer("image/png"), width, height, text: textOf(layers, wiring, title, notes) });
}

function layersOf({ scale, edges }: Wiring, model: Model | undefined): Layer[] {
  return scale.map((at, layer) => {
    const cell = model?.stack.cells[layer];
    const maps =
      model && `${model.frame.height / model.patch / at}x${model.frame.width / model.patch / at}x${cell?.filters}`;
    return {
      scale: at,
      lines: [`layer ${layer}`, ...(cell && maps ? [cell.name, maps] : [])],
      sources: edges.filter(([, to]) => to === layer).map(([from]) => from),
    };
  });
}

const sizeOf = (scale: number) => (scale === 1 ? "full size" : `1/${scale} size`);

/** What no arrow tells. */
function notesOf({ scale, down = "max", join = "add" }: Wiring, model: Model | undefined): string[] {
  const pooling = new Set(scale).size > 1 ? [`smaller by ${down} pooling, larger by bilinear up-sampling`] : [];
  const joining = join === "add" ? "edges that meet are added up" : "edges that meet are joined channel by channel";
  const memory = model?.stack.cells.some((cell) => cell.passesMemory)
    ? [`the memory m goes from layer 0 to layer ${scale.length - 1}, and on to layer 0 of the next time step`]
    : [];
  return [[...pooling, joining].join("; "), ...memory];
}

/** An edge that passes over other layers runs in a lane of its own, above the lower one of its two rows. */
interface Lane {
  readonly from: number;
  readonly to: number;
  /** Which row's, and which of those above it, from the row upwards. */
  readonly row: number;
  readonly lane: number;
}

/** The sides of boxes at which such edges begin and end: below where the other end is lower. */
const sides = ({ from, to }: Lane, { scale }: Wiring) =>
  [
    [from, scale[to] > scale[from] ? "bottom" : "top"],
    [to, scale[from] > scale[to] ? "bottom" : "top"],
  ] as const;

function lanesOf({ scale, edges }: Wiring, rows: readonly number[]): Lane[] {
  const used = rows.map(() => 0);
  return edges
    .filter(([from, to]) => to - from > 1)
    .sort((a, b) => a[1] - a[0] - (b[1] - b[0]))
    .map(([from, to]) => {
      const row = rows.indexOf(Math.max(scale[from], scale[to]));
      return { from, to, row, lane: used[row]++ };
    });
}

/** Where on its box an edge begins or ends, when all that share the side are spread over it. */
function port(lanes: readonly Lane[], wiring: Wiring, lane: Lane, end: 0 | 1): number {
  const [layer, side] = sides(lane, wiring)[end];
  const sharing = lanes.flatMap((one) =>
    sides(one, wiring).flatMap(([at, where], i) =>
      at === layer && where === side ? [{ one, i, other: i === 0 ? one.to : one.from }] : [],
    ),
  );
  // In the order of where they lead, so that they do not cross beside the box.
  sharing.sort((a, b) => a.other - b.other || a.one.lane - b.one.lane);
  const place = sharing.findIndex(({ one, i }) => one === lane && i === end);
  return (box.width * (place + 1)) / (sharing.length + 1);
}

interface Plane {
  readonly wiring: Wiring;
  readonly lanes: readonly Lane[];
  corner(layer: number): Point;
  /** Where a lane above a row runs. */
  laneY(row: number, lane: number): number;
}

/** Where the label of an edge goes, and its colour. */
type Label = readonly [at: Point, colour: string, edge: readonly [from: number, to: number]];

/** Black: from a layer to the next one. */
function drawNear(context: Context, from: number, { corner }: Plane): Label {
  const [a, b] = [corner(from), corner(from + 1)];
  const start = { x: a.x + box.width, y: a.y + box.height / 2 };
  const end = { x: b.x, y: b.y + box.height / 2 };
  arrow(context, [start, end], ink);
  return [{ x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 }, ink, [from, from + 1]];
}

/** In a colour of the sender. */
function drawFar(context: Context, lane: Lane, { wiring, lanes, corner, laneY }: Plane): Label {
  const { from, to } = lane;
  const [a, b] = [from, to].map((layer, end) => {
    const [, side] = sides(lane, wiring)[end];
    const { x, y } = corner(layer);
    return { x: x + port(lanes, wiring, lane, end as 0 | 1), y: side === "top" ? y : y + box.height };
  });
  const y = laneY(lane.row, lane.lane);
  const colour = palette[from % palette.length];
  arrow(context, [a, { x: a.x, y }, { x: b.x, y }, b], colour);
  return [{ x: (a.x + b.x) / 2, y }, colour, [from, to]];
}

/** What an edge shrinks or enlarges by, if it does. */
function drawLabel(context: Context, at: Point, colour: string, from: number, to: number): void {
  if (from === to) return;
  const text = from < to ? `\u2193${to / from}` : `\u2191${from / to}`;
  const room = textWidth(text, 11) + 4;
  context.fillStyle = "#ffffff";
  context.fillRect(at.x - room / 2, at.y - 7, room, 14);
  write(context, text, at.x, at.y, { size: 11, align: "center", baseline: "middle", colour });
}

/** A line through points with a head at its end. */
function arrow(context: Context, points: readonly Point[], colour: string): void {
  const [start, end] = [points[0], points[points.length - 1]];
  const before = points[points.length - 2];
  const angle = Math.atan2(end.y - before.y, end.x - before.x);
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(start.x, start.y);
  for (const { x, y } of points.slice(1)) context.lineTo(x, y);
  context.stroke();
  context.beginPath();
  context.moveTo(end.x, end.y);
  for (const side of [-1, 1]) {
    const turned = angle + Math.PI + side * 0.42;
    context.lineTo(end.x + 9 * Math.cos(turned), end.y + 9 * Math.sin(turned));
  }
  context.closePath();
  context.fill();
}

function drawBox(context: Context, { x, y }: Point, lines: readonly string[]): void {
  context.fillStyle = "#f2f5f9";
  context.fillRect(x, y, box.width, box.height);
  context.strokeStyle = "#506070";
  context.lineWidth = 1;
  context.strokeRect(x + 0.5, y + 0.5, box.width - 1, box.height - 1);
  lines.forEach((line, i) => {
    const at = y + box.height / 2 + (i - (lines.length - 1) / 2) * 13;
    write(context, line, x + box.width / 2, at, { size: 11, bold: i === 0, align: "center", baseline: "middle" });
  });
}

function textOf(
  layers: readonly Layer[],
  { scale }: Wiring,
  title: string | undefined,
  notes: readonly string[],
): string {
  const sizes = new Set(scale).size;
  const head = `${title ? `${title}: ` : ""}${layers.length} layers at ${sizes} ${sizes === 1 ? "scale" : "scales"}`;
  const change = (from: number, to: number) => {
    if (scale[from] === scale[to]) return String(from);
    return scale[from] < scale[to]
      ? `${from} (down ${scale[to] / scale[from]})`
      : `${from} (up ${scale[from] / scale[to]})`;
  };
  const lines = layers.map(({ lines: [, ...about], sources, scale: at }, layer) => {
    const from = layer === 0 ? "the embedded frame" : sources.map((source) => change(source, layer)).join(" + ");
    return [`layer ${layer}`, sizeOf(at), ...about, `<- ${from}`].join("  ");
  });
  return [head, ...lines, `forecast <- ${layers.length - 1}`, ...notes].join("\n");
}
