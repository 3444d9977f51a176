/**
 * How the pixels of a data set speak of rain: a frame's value in [0, 1] is a radar reflectivity
 * dBZ = 10 log10(a·R^b), R in mm/h, scaled linearly. Source: SPEC sections 6.4 and 6.5.
 */
export interface RainMap {
  readonly name: string;
  /** Rain rate, mm/h -> pixel, clipped to [0, 1]; no rain is 0. */
  toPixel(rate: number): number;
  /** Pixel -> rain rate, mm/h. */
  toRate(pixel: number): number;
  /** Pixel -> reflectivity, dBZ. */
  toDbz(pixel: number): number;
}

/** pixel = (10 log10(a·R^b) - low) / span, a reflectivity of `low` dBZ being black. */
function rainMap(name: string, a: number, b: number, low: number, span: number): RainMap {
  const offset = 10 * Math.log10(a);
  const toDbz = (pixel: number) => span * pixel + low;
  return {
    name,
    toPixel: (rate) => Math.min(Math.max((offset + 10 * b * Math.log10(rate) - low) / span, 0), 1),
    toRate: (pixel) => 10 ** ((toDbz(pixel) - offset) / (10 * b)),
    toDbz,
  };
}

/** The maps of the radar data sets, by name. RAIN-F uses MeteoNet's. */
export const rainMaps = {
  hko7: rainMap("HKO-7", 58.53, 1.56, -10, 70),
  dwd: rainMap("DWD", 256, 1.42, -10, 70),
  meteonet: rainMap("MeteoNet", 200, 1.6, 0, 70),
  brazil: rainMap("Brazil", 300, 1.4, 0, 60),
} as const;

/** Rain rates that forecasts are judged at, mm/h. */
export const rainThresholds: readonly number[] = [0.5, 2, 5, 10, 30];
