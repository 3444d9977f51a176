import { rainMaps } from "../metrics/rain";
import { type Citation, UserError } from "../types";
import type { Dataset, Source } from "./dataset";
import { Hdf5File } from "./formats/hdf5";
import { measured, type RadarPicture, type RainRateOptions, radarData } from "./radar";
import { timedFiles } from "./radarTime";
import { unbroken } from "./unbroken";

export interface KnmiOptions extends RainRateOptions {
  /** A folder with files such as `RAD_NL25_RAP_5min_201008260410.h5`, in it or below it. */
  readonly from: string;
}

export const knmiSource: Source = {
  url: "https://dataplatform.knmi.nl",
  licence: "CC BY 4.0, KNMI",
  how: "choose the 5-minute precipitation accumulations at the address and put the .h5 files into one folder",
};

export const knmiCitation: Citation = {
  key: "overeem2009derivation",
  title: "Derivation of a 10-Year Radar-Based Climatology of Rainfall",
  authors: "Aart Overeem, Iwan Holleman, Adri Buishand",
  year: 2009,
  url: "https://doi.org/10.1175/2009JAMC1954.1",
  checked: "partly",
};

/**
 * Rain sums of the Dutch weather radars, KNMI's HDF5 files of one picture each. The time of a picture is the one in its name, the end
 * of the sum. Pixels by KNMI's own Z = 200 R^1.6, which is that of MeteoNet. Errors: as for `radarData` and `readKnmi`.
 */
export async function knmi(options: KnmiOptions): Promise<Dataset> {
  const { from, map = rainMaps.meteonet, split } = options;
  const files = timedFiles(from, [".h5", ".hdf5"], /_(\d{12})\.\w+$/, "RAD_NL25_RAP_5min_201008260410.h5");
  const pictures = files.map(({ path, time }) => ({ path, time, read: () => readKnmi(path) }));
  return radarData(
    {
      name: "KNMI radar",
      recordings: unbroken(from, pictures, { split }),
      map,
      from: knmiSource,
      citation: knmiCitation,
    },
    options,
  );
}

/**
 * Rain rates of a KNMI file, mm/h: the sums of `image1/image_data`, calibrated by the formula that the file gives, over the time from
 * `product_datetime_start` to `product_datetime_end`. Errors: missing or damaged, another formula, times that make no sense.
 */
export function readKnmi(path: string): Promise<RadarPicture> {
  return Hdf5File.using(path, (file) => {
    const calibration = (name: string) => file.attribute("image1/calibration", `calibration_${name}`);
    const formula = calibration("formulas");
    const [, slope, offset] = /^GEO=([\d.eE-]+)\*PV\+?(-?[\d.eE-]+)$/.exec(String(formula))?.map(Number) ?? [];
    if (!(slope > 0 && Number.isFinite(offset)))
      throw new UserError(`${path}: expected calibration_formulas such as GEO=0.01*PV+0.0, got ${formula}`);
    const unmeasured = [calibration("missing_data"), calibration("out_of_image")];
    const [start, end] = ["start", "end"].map((name) =>
      instant(file.attribute("overview", `product_datetime_${name}`)),
    );
    const hours = (end - start) / 3_600_000;
    if (!(hours > 0 && hours <= 24))
      throw new UserError(`${path}: expected product_datetime_start before product_datetime_end by a day at most`);
    const image = file.array("image1/image_data", 2);
    const [height, width] = image.shape;
    const values = measured(image.read(0, height), (raw) =>
      unmeasured.includes(raw) ? Number.NaN : (slope * raw + offset) / hours,
    );
    return { height, width, unit: "mm/h", values, where: path };
  });
}

/** Milliseconds of a time such as 26-AUG-2010;04:05:00.000; NaN for what is none. */
const instant = (text: unknown): number => Date.parse(`${String(text).replace(";", " ").replace(/\0+$/, "")} UTC`);
