import { basename, extname } from "node:path";
import { rainMaps } from "../metrics/rain";
import { type Citation, UserError } from "../types";
import type { Dataset, Source } from "./dataset";
import { filesBelow } from "./folder";
import { npzEntries } from "./formats/npz";
import { measured, type RadarPicture, type RadarRecording, type RainRateOptions, radarData } from "./radar";
import type { SplitRule } from "./splits";

export interface MeteonetOptions extends RainRateOptions {
  /** A folder with files such as `rainfall_NW_2016_08.3.npz`, in it or below it. */
  readonly from: string;
  /** Which files: rain sums or reflectivities. Default "rainfall". */
  readonly quantity?: "rainfall" | "reflectivity";
  /** As for `RadarOptions`, by names of files without their ending: their days are not known. */
  readonly split?: SplitRule;
}

export const meteonetSource: Source = {
  url: "https://meteonet.umr-cnrm.fr",
  licence: "Open Licence 2.0 (Etalab), Meteo-France",
  how: "choose the rainfall archives at the address and unpack them into one folder; each file is one recording: `dates` is pickled and never opened, so gaps in it are not known",
};

export const meteonetCitation: Citation = {
  key: "larvor2020meteonet",
  title: "MeteoNet, an open reference weather dataset by Meteo-France",
  authors: "Gwennaëlle Larvor, Léa Berthomier, Vincent Chabot, Brice Le Pape, Bruno Pradel, Lior Perez",
  year: 2020,
  url: "https://meteonet.umr-cnrm.fr",
  checked: "partly",
};

const minutes = 5;

/** What the numbers of a file mean: `perUnit` of them make one mm or dBZ. */
const quantities = {
  rainfall: { unit: "mm/h", scale: 60 / minutes / 100, missing: -1 },
  reflectivity: { unit: "dBZ", scale: 1, missing: 255 },
} as const;

/**
 * MeteoNet's radar pictures of north-west or south-east France every 5 minutes, in files of ten days or so: sums of rain in 1/100 mm,
 * or reflectivities in dBZ. The times of the pictures stand in a pickled array, which would run code when opened and is left alone;
 * so a file is one recording, named like the file, even where pictures are missing in it.
 *
 * Errors: as for `radarData` and `npzEntries`; an unknown quantity; pictures that have not two axes.
 */
export async function meteonet(options: MeteonetOptions): Promise<Dataset> {
  const { from, quantity = "rainfall", map = rainMaps.meteonet } = options;
  if (!Object.hasOwn(quantities, quantity))
    throw new UserError(`quantity: expected ${Object.keys(quantities).join(" or ")}, got ${quantity}`);
  const recordings = filesBelow(from, [".npz"], "MeteoNet files")
    .flatMap(({ paths }) => paths)
    .filter((path) => basename(path).startsWith(quantity))
    .map(
      (path): RadarRecording => ({
        name: basename(path, extname(path)),
        files: [path],
        pictures: () => readMeteonet(path, quantity),
      }),
    );
  if (recordings.length === 0)
    throw new UserError(`${from}: expected files such as ${quantity}_NW_2016_08.3.npz, found none`);
  return radarData(
    { name: `MeteoNet ${quantity}`, recordings, map, from: meteonetSource, citation: meteonetCitation },
    options,
  );
}

/** The pictures of a file, one by one, in mm/h or dBZ. */
export async function* readMeteonet(path: string, quantity: keyof typeof quantities): AsyncGenerator<RadarPicture> {
  const { unit, scale, missing } = quantities[quantity];
  let frame = 0;
  for (const { shape, data } of npzEntries(path, "data")) {
    const [height, width] = shape;
    if (shape.length !== 2) throw new UserError(`${path}: expected data with three axes, got ${shape.length + 1}`);
    const values = measured(data, (raw) => (raw === missing ? Number.NaN : scale * raw));
    yield { height, width, unit, values, where: `${path}, picture ${frame++}` };
  }
}
