import { rainMaps } from "../metrics/rain";
import { type Citation, UserError } from "../types";
import type { Dataset, Source } from "./dataset";
import { Hdf5File } from "./formats/hdf5";
import { measured, type RadarPicture, type RainRateOptions, radarData } from "./radar";
import { minutesOf } from "./radarTime";
import { unbroken } from "./unbroken";

export interface RydlOptions extends RainRateOptions {
  /** The file `RYDL.hdf5`. */
  readonly from: string;
}

export const rydlSource: Source = {
  url: "https://doi.org/10.5281/zenodo.3629951",
  licence: "not found here, look at the address; its frames are the Deutscher Wetterdienst's",
  how: "download RYDL.hdf5 (several GB) at the address",
};

export const rydlCitation: Citation = {
  key: "ayzel2020rainnet",
  title: "RainNet v1.0: a convolutional neural network for radar-based precipitation nowcasting",
  authors: "Georgy Ayzel, Tobias Scheffer, Maik Heistermann",
  year: 2020,
  url: "https://doi.org/10.5194/gmd-13-2631-2020",
  checked: "partly",
};

const minutes = 5;

/**
 * RYDL, the data of RainNet: sums of rain of 5 minutes over Germany, mm, in one HDF5 file with an array for each time, named
 * yyyymmddHHMM. Rows stay in the order of the file. Numbers that are negative or not finite count as not measured.
 * Errors: as for `radarData`; other names; arrays that have not two axes.
 */
export async function rydl(options: RydlOptions): Promise<Dataset> {
  const { from, map = rainMaps.dwd, split } = options;
  const keys = await Hdf5File.using(from, (file) => file.names());
  const pictures = keys.map((key) => {
    const time = key.length === 12 ? minutesOf(key) : undefined;
    if (time === undefined)
      throw new UserError(`${from}: expected arrays named by their time, yyyymmddHHMM, got ${key}`);
    return { path: from, time, read: () => readPicture(from, key) };
  });
  return radarData(
    { name: "RYDL", recordings: unbroken(from, pictures, { split }), map, from: rydlSource, citation: rydlCitation },
    options,
  );
}

function readPicture(path: string, key: string): Promise<RadarPicture> {
  return Hdf5File.using(path, (file) => {
    const array = file.array(key, 2);
    const [height, width] = array.shape;
    const values = measured(array.read(0, height), (raw) =>
      raw >= 0 && Number.isFinite(raw) ? (raw * 60) / minutes : Number.NaN,
    );
    return { height, width, unit: "mm/h", values, where: `${path}, ${key}` };
  });
}
