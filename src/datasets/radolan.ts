import { rainMaps } from "../metrics/rain";
import { type Citation, UserError } from "../types";
import type { Dataset, Source } from "./dataset";
import { readRadolan } from "./formats/radolan";
import { type RadarPicture, type RainRateOptions, radarData } from "./radar";
import { digitsOf, timedFiles } from "./radarTime";
import { unbroken } from "./unbroken";

export interface RadolanOptions extends RainRateOptions {
  /** A folder with files such as `raa01-ry_10000-1408102050-dwd---bin.gz`, in it or below it. */
  readonly from: string;
  /** Which files: rain sums of 5 minutes or reflectivities. Default "RY". */
  readonly product?: "RY" | "RX";
}

export const radolanSource: Source = {
  url: "https://opendata.dwd.de/climate_environment/CDC/grids_germany/5_minutes/radolan",
  licence: "GeoNutzV: free with the source named, Deutscher Wetterdienst",
  how: "choose the days at the address and unpack them into one folder",
};

/** Also of RainNet's RYDL, which is made of the same product. */
export const radolanCitation: Citation = {
  key: "winterrath2012radolan",
  title:
    "On the DWD quantitative precipitation analysis and nowcasting system for real-time application in German flood risk management",
  authors: "Tanja Winterrath, Wolfgang Rosenow, Elmar Weigl",
  year: 2012,
  checked: "partly",
};

/**
 * RADOLAN composites of the German weather service every 5 minutes. Errors: as for `radarData` and `readRadolan`; a file of another
 * product or time than its name says.
 */
export async function radolan(options: RadolanOptions): Promise<Dataset> {
  const { from, product = "RY", map = rainMaps.dwd, split } = options;
  if (product !== "RY" && product !== "RX") throw new UserError(`product: expected RY or RX, got ${product}`);
  const example = `raa01-${product.toLowerCase()}_10000-1408102050-dwd---bin.gz`;
  const pattern = new RegExp(`^raa01-${product}_\\d+-(\\d{10})-dwd---bin(\\.gz)?$`, "i");
  const files = timedFiles(from, [".gz", ""], pattern, example);
  const pictures = files.map(({ path, time }) => ({ path, time, read: () => readPicture(path, product, time) }));
  return radarData(
    {
      name: `DWD ${product}`,
      recordings: unbroken(from, pictures, { split }),
      map,
      from: radolanSource,
      citation: radolanCitation,
    },
    options,
  );
}

function readPicture(path: string, product: string, time: number): RadarPicture {
  const found = readRadolan(path);
  const { height, width, minutes, values } = found;
  if (found.product !== product || found.time !== time)
    throw new UserError(
      `${path}: expected ${product} of ${digitsOf(time)}, got ${found.product} of ${digitsOf(found.time)}`,
    );
  if (product === "RX") return { height, width, unit: "dBZ", values, where: path };
  return { height, width, unit: "mm/h", values: values.map((sum) => (sum * 60) / minutes), where: path };
}
