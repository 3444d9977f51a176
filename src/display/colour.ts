import { UserError } from "../types";
/** Red, green and blue, 0 to 255 each. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** Pixels that are NaN or infinite are shown in this colour, which no colour map contains. */
export const notFinite: Rgb = [255, 0, 255];

/**
 * Eight colours that people with every kind of colour vision tell apart (Okabe and Ito, 2008), the pale yellow last:
 * it is hard to see on white.
 */
export const palette: readonly string[] = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#000000",
  "#b8a900",
];

/** Colour maps by name: colours at equal distances from 0 to 1, linear between them. */
const stops = {
  /** Black to white. */
  grey: ["#000000", "#ffffff"],
  /** White to black, for print. */
  ink: ["#ffffff", "#000000"],
  /** Dark violet, blue-green, yellow; even steps of lightness. */
  viridis: ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"],
  /** Black, violet, orange, pale yellow; even steps of lightness. */
  magma: ["#000004", "#221150", "#5f187f", "#982d80", "#d3436e", "#f8765c", "#febb81", "#fcfdbf"],
  /** White through blue and green to yellow and red, as on rain maps. */
  rain: ["#ffffff", "#a6d3f2", "#3f93d8", "#1f5fae", "#2fa05a", "#f2d43a", "#ee7d22", "#c21f1f"],
  /** Blue for less, white for none, red for more. */
  difference: ["#053061", "#2f79b5", "#a7cfe4", "#ffffff", "#f6b799", "#ca4842", "#67001f"],
} as const;

export type ColourMapName = keyof typeof stops;

/** 256 colours, three bytes each, for values from 0 to 1. */
export type ColourMap = Uint8Array;

const hex = (colour: string): Rgb => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as never;

const built = new Map<string, ColourMap>();

/** The colour map of that name as a table of 256 colours. Error for a name that is not there. */
export function colourMap(name: ColourMapName): ColourMap {
  const known = built.get(name);
  if (known) return known;
  if (!Object.hasOwn(stops, name)) {
    throw new UserError(`unknown colour map: ${name} (there are ${Object.keys(stops).join(", ")})`);
  }
  const colours = stops[name].map(hex);
  const table = new Uint8Array(768);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (colours.length - 1);
    const lower = Math.min(Math.floor(at), colours.length - 2);
    for (let k = 0; k < 3; k++) {
      table[3 * i + k] = Math.round(colours[lower][k] + (at - lower) * (colours[lower + 1][k] - colours[lower][k]));
    }
  }
  built.set(name, table);
  return table;
}

/** Row of the table for a value: 0 to 255, values outside [0, 1] at its ends; -1 for a value that is not finite. */
export function level(value: number): number {
  if (!Number.isFinite(value)) return -1;
  return value <= 0 ? 0 : value >= 1 ? 255 : Math.round(value * 255);
}

/** For `context.fillStyle`. */
export const css = ([red, green, blue]: Rgb): string => `rgb(${red}, ${green}, ${blue})`;
