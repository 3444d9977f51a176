import { join } from "node:path";
import { random } from "../../random";
import { requireWhole } from "../dataset";
import { writeHdf5 } from "../formats/hdf5";
import { markStandIn } from "./mark";

export interface FlowsOptions {
  readonly seed?: number;
  /** Days in each yearly file. Default 60. */
  readonly days?: number;
  /** Years, from 2013 on. Default 2. */
  readonly years?: number;
  /** Side of the grid. Default 32. */
  readonly size?: number;
}

/** Slots of 30 minutes. */
const SLOTS = 48;

/**
 * Writes a stand-in for TaxiBJ: the flows of people who live and work in different parts of a made-up city, in TaxiBJ's own file
 * format. Mornings lead from homes to work, evenings back, weekends to the parks; every day, cell and slot has its own luck; some
 * days lack a slot, as the real ones do. A function of the seed alone. Returns the files' paths.
 */
export async function writeFlows(folder: string, options: FlowsOptions = {}): Promise<string[]> {
  const { seed = 2022, days = 60, years = 2, size = 32 } = options;
  for (const [name, value] of Object.entries({ days, years, size })) requireWhole(name, value, 1);
  const city = cityOf(seed, size);
  const paths: string[] = [];
  for (let year = 0; year < years; year++) {
    const path = join(folder, `BJ${13 + year}_M${size}x${size}_T30_InOut.h5`);
    const { data, dates } = yearOf(city, seed, 2013 + year, days, size);
    const chunks = [Math.min(SLOTS, dates.length), 2, size, size];
    await writeHdf5(path, [
      { name: "data", shape: [dates.length, 2, size, size], data, chunks },
      { name: "date", shape: [dates.length], data: dates },
    ]);
    paths.push(path);
  }
  markStandIn(folder, "TaxiBJ", seed);
  return paths;
}

/** How many people live in each cell, work there, and go there in their free time. */
type City = readonly [homes: Float64Array, work: Float64Array, leisure: Float64Array];

function cityOf(seed: number, size: number): City {
  const uniform = random("stand-in flows", seed, "city");
  const spread = (centres: number, width: number, middle: number) => {
    const field = new Float64Array(size * size);
    for (let centre = 0; centre < centres; centre++) {
      // `middle` draws centres towards the middle of the city.
      const place = () => size * (0.5 + (uniform() - 0.5) * middle);
      const [row, column, height] = [place(), place(), 0.3 + uniform()];
      const reach = (width * size * (0.6 + 0.8 * uniform())) / 32;
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++)
          field[y * size + x] += height * Math.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * reach * reach));
      }
    }
    return field;
  };
  return [spread(14, 3, 0.9), spread(6, 2, 0.5), spread(8, 1.2, 0.7)];
}

/** A bump around an hour of the day; midnight is no border. */
const around = (hour: number, at: number, width: number): number => {
  const away = Math.abs(hour - at);
  return Math.exp(-(Math.min(away, 24 - away) ** 2) / (2 * width * width));
};

function yearOf([homes, work, leisure]: City, seed: number, year: number, days: number, size: number) {
  const cells = size * size;
  const uniform = random("stand-in flows", seed, year);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const data = new Float64Array(days * SLOTS * 2 * cells);
  const dates: string[] = [];
  const first = Date.UTC(year, 6, 1);
  for (let day = 0; day < days; day++) {
    const date = new Date(first + day * 24 * 60 * 60 * 1000);
    const weekend = date.getUTCDay() === 0 || date.getUTCDay() === 6;
    const mood = Math.exp(0.15 * normal());
    // About one day in twelve lacks a slot.
    const missing = uniform() < 1 / 12 ? Math.floor(SLOTS * uniform()) : -1;
    for (let slot = 0; slot < SLOTS; slot++) {
      const hour = slot / 2;
      const [morning, evening] = [around(hour, 8, 1.3), around(hour, 18, 1.8)].map((v) => v * (weekend ? 0.25 : 1));
      const [out, back] = [around(hour, 11, 2), around(hour, 21, 1.8)].map((v) => v * (weekend ? 0.9 : 0.3));
      const idle = 0.06 + 0.12 * around(hour, 14, 4);
      if (slot === missing) continue;
      const at = dates.length * 2 * cells;
      for (let cell = 0; cell < cells; cell++) {
        const all = idle * (homes[cell] + work[cell] + leisure[cell]);
        const arrive = morning * work[cell] + (evening + back) * homes[cell] + out * leisure[cell] + all;
        const leave = (morning + out) * homes[cell] + evening * work[cell] + back * leisure[cell] + all;
        for (const [flow, mean] of [arrive, leave].entries()) {
          const people = 400 * mood * mean;
          data[at + flow * cells + cell] = Math.max(0, Math.round(people + Math.sqrt(people) * normal()));
        }
      }
      const number = `${slot + 1}`.padStart(2, "0");
      dates.push(`${date.toISOString().slice(0, 10).replaceAll("-", "")}${number}`);
    }
  }
  return { data: data.subarray(0, dates.length * 2 * cells), dates };
}
