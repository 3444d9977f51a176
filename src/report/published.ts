/** How numbers were made, as far as it is known; what is not told is absent. */
export interface Protocol {
  /** Name of the data and, in brackets, which of its forms. */
  readonly data: string;
  /** Side of the square frames, pixels. */
  readonly size?: number;
  readonly context?: number;
  readonly horizon?: number;
  readonly trainingSequences?: number;
  readonly iterations?: number;
  readonly epochs?: number;
  readonly batch?: number;
  /** Channels of every layer; in words where a source gives a range. */
  readonly filters?: number | string;
  readonly loss?: string;
  readonly testClips?: number;
  /** Over which predictions the scores are means. */
  readonly scored?: string;
}

/** One row of a published table; absent: not told there. */
export interface PublishedResult {
  readonly model: string;
  /** Millions. */
  readonly parameters?: number;
  /** Billions of operations, as listed. */
  readonly flops?: number;
  /** Frames per second, as listed. */
  readonly speed?: number;
  /** Sums over pixels, mean over frames and clips. */
  readonly mse?: number;
  readonly mae?: number;
  readonly ssim?: number;
  readonly psnr?: number;
  readonly lpips?: number;
  /** Where it differs from the table's. */
  readonly source?: string;
}

export interface PublishedTable {
  readonly title: string;
  readonly source: string;
  readonly protocol: Protocol;
  readonly rows: readonly PublishedResult[];
}

type Row = readonly [string, ...(number | undefined)[]];
/** Rows of the columns that are named, after the model's. */
const rowsOf = (columns: readonly (keyof PublishedResult)[], rows: readonly Row[]): PublishedResult[] =>
  rows.map(([model, ...values]) => ({
    model,
    ...Object.fromEntries(columns.map((name, i) => [name, values[i]]).filter(([, value]) => value !== undefined)),
  }));

const openStl = "OpenSTL benchmark, model zoo of the repository chengtan9907/OpenSTL";
const sums = ["parameters", "flops", "speed", "mse", "mae", "ssim", "psnr"] as const;
const wide = { filters: "128 or more" };
const movingMnist = {
  ...wide,
  data: "Moving MNIST (standard)",
  size: 64,
  context: 10,
  horizon: 10,
  testClips: 10_000,
  scored: "the horizon",
};

/**
 * Published numbers of recurrent networks, each with its source; nothing is filled in from memory. All were made by other code with
 * 128 or more channels and patches: they say what the cells can reach, not what MS-RNN's protocol gives.
 */
export const publishedTables: readonly PublishedTable[] = [
  {
    title: "Moving MNIST, 10 → 10, 200 epochs",
    source: `${openStl}, newest snapshot (frames/s on a V100)`,
    protocol: { ...movingMnist, batch: 16, epochs: 200 },
    rows: rowsOf(sums, [
      ["ConvLSTM-S", 15.0, 56.8, 113, 29.8, 90.64, 0.9288, 22.1],
      ["ConvLSTM-L", 33.8, 127.0, 50, 27.78, 86.14, 0.9343, 22.44],
      ["PredRNN", 23.8, 116.0, 54, 23.97, 72.82, 0.9462, 23.28],
      ["PredRNN++", 38.6, 171.7, 38, 22.06, 69.58, 0.9509, 23.65],
      ["MIM", 38.0, 179.2, 37, 22.55, 69.97, 0.9498, 23.56],
      ["PredRNN-V2", 23.9, 116.6, 52, 24.13, 73.73, 0.9453, 23.21],
      ["PhyDNet", 3.1, 15.3, 182, 28.19, 78.64, 0.9374, 22.62],
      ["MAU", 4.5, 17.8, 201, 26.86, 78.22, 0.9398, 22.76],
      ["E3D-LSTM", 51.0, 298.9, 18, 35.97, 78.28, 0.932, 21.11],
    ]),
  },
  {
    title: "Moving MNIST, 10 → 10, 2000 epochs",
    source: `${openStl}, newest snapshot (frames/s on a V100)`,
    protocol: { ...movingMnist, batch: 16, epochs: 2000 },
    rows: rowsOf(sums, [
      ["ConvLSTM-S", 15.0, 56.8, 113, 22.41, 73.07, 0.948, 23.54],
      ["PredRNN", 23.8, 116.0, 54, 26.43, 77.52, 0.9411, 22.9],
      ["PredRNN++", 38.6, 171.7, 38, 14.07, 48.91, 0.9698, 26.37],
      ["MIM", 38.0, 179.2, 37, 14.73, 52.31, 0.9678, 25.99],
      ["PredRNN-V2", 23.9, 116.6, 52, 17.26, 57.22, 0.9624, 25.01],
    ]),
  },
  {
    title: "Moving MNIST, 10 → 10, earlier",
    source: `${openStl}, an earlier state of the page, without epoch count`,
    protocol: { ...movingMnist, batch: 16 },
    rows: rowsOf(
      ["mse", "mae", "ssim"],
      [
        ["ConvLSTM-S", 46.26, 142.18, 0.878],
        ["ConvLSTM-L", 29.88, 95.05, 0.925],
        ["PredRNN", 25.04, 76.26, 0.944],
        ["PredRNN++", 22.45, 69.7, 0.95],
        ["MIM", 23.66, 74.37, 0.946],
        ["PredRNN-V2", 27.73, 82.17, 0.937],
      ],
    ),
  },
  {
    title: "Moving MNIST, the papers",
    source: "the models' papers, as listed by paper indexes",
    protocol: movingMnist,
    rows: [
      {
        ...{ model: "PredRNN", mse: 56.8, mae: 126.1, ssim: 0.867 },
        source: "paperswithcode.com, predrnn-recurrent-neural-networks-for-1",
      },
      {
        ...{ model: "PredRNN++", mse: 46.5, mae: 106.8, ssim: 0.898 },
        source: "paperswithcode.com, predrnn-towards-a-resolution",
      },
      { model: "MIM", mse: 44.2, mae: 101.1, ssim: 0.91, source: 'paperswithcode.com, memory-in-memory ("MIM*")' },
      {
        ...{ model: "PredRNN-V2", mse: 48.4, ssim: 0.891, lpips: 0.071 },
        source: "hyper.ai papers/2103.09504; LPIPS also in the PredRNN repository",
      },
      { model: "PredRNN", lpips: 0.109, source: "readme of thuml/predrnn-pytorch" },
    ],
  },
  {
    title: "KTH, 10 → 20",
    source: openStl,
    protocol: { ...wide, data: "KTH", size: 128, context: 10, horizon: 20, epochs: 100 },
    rows: rowsOf(
      [...sums, "lpips"],
      [
        ["ConvLSTM-S", 14.9, 1368.0, 16, 47.65, 445.5, 0.8977, 26.99, 0.26686],
        ["PredRNN", 23.6, 2800.0, 7, 41.07, 380.6, 0.9097, 27.95, 0.21892],
        ["PredRNN++", 38.3, 4162.0, 5, 39.84, 370.4, 0.9124, 28.13, 0.19871],
        ["MIM", 39.8, 1099.0, 17, 40.73, 380.8, 0.9025, 27.78, 0.18808],
        ["PredRNN-V2", 23.6, 2815.0, 7, 39.57, 368.8, 0.9099, 28.01, 0.21478],
        ["PhyDNet", 3.1, 93.6, 58, 91.12, 765.6, 0.8322, 23.41, 0.50155],
        ["MAU", 20.1, 399.0, 8, 51.02, 471.2, 0.8945, 26.73, 0.25442],
        ["E3D-LSTM", 53.5, 217.0, 17, 136.4, 892.7, 0.8153, 21.78, 0.48358],
      ],
    ),
  },
  {
    title: "KTH, the papers",
    source: "the models' papers, as listed by indexes",
    protocol: { ...wide, data: "KTH" },
    rows: [
      { model: "PredRNN++", psnr: 28.47, ssim: 0.865, source: "paperswithcode.com" },
      { model: "PredRNN++", psnr: 28.62, source: "wizwand.com, 10 → 20" },
      { model: "PredRNN++", psnr: 26.94, source: "wizwand.com, 10 → 40" },
      { model: "PredRNN-V2", psnr: 28.37, ssim: 0.839, lpips: 0.139, source: "hyper.ai" },
      { model: "PredRNN", lpips: 0.204, source: "PredRNN repository" },
    ],
  },
  {
    title: "TaxiBJ, 4 → 4",
    source: openStl,
    protocol: { ...wide, data: "TaxiBJ", context: 4, horizon: 4, epochs: 50 },
    rows: rowsOf(sums, [
      ["ConvLSTM-S", 14.98, 20.74, 815, 0.3358, 15.32, 0.9836, 39.45],
      ["PredRNN", 23.66, 42.4, 416, 0.3194, 15.31, 0.9838, 39.51],
      ["PredRNN++", 38.4, 62.95, 301, 0.3348, 15.37, 0.9834, 39.47],
      ["MIM", 37.86, 64.1, 275, 0.311, 14.96, 0.9847, 39.65],
      ["PredRNN-V2", 23.67, 42.63, 378, 0.3834, 15.55, 0.9826, 39.49],
      ["PhyDNet", 3.09, 5.6, 982, 0.3622, 15.53, 0.9828, 39.46],
      ["MAU", 4.41, 6.02, 540, 0.3268, 15.26, 0.9834, 39.52],
      ["E3D-LSTM", 50.99, 98.19, 60, 0.3427, 14.98, 0.9842, 39.64],
    ]),
  },
  {
    title: "TaxiBJ, index entries",
    source: "wizwand.com, secondary",
    protocol: { ...wide, data: "TaxiBJ" },
    rows: [
      { model: "PredRNN++", mae: 16.9 },
      { model: "MotionRNN", mae: 16.0009 },
    ],
  },
  {
    title: "Human3.6M, the paper",
    source: "paperswithcode.com, units as listed",
    protocol: { data: "Human3.6M" },
    rows: [{ model: "MIM", mse: 429.9, mae: 1782.8, ssim: 0.79 }],
  },
];

/** What the published networks cost at 64 channels and 64 x 64 frames, counted from the code: multi-scale ones beside the base. */
export interface PublishedCost {
  readonly model: string;
  /** Millions; the multi-scale network has as many. */
  readonly parameters: number;
  /** Multiply-adds of a sequence of 20 frames, in billions: of the base network and of the multi-scale one. */
  readonly base: number;
  readonly multiScale: number;
}

export const publishedCosts: readonly PublishedCost[] = (
  [
    ["ConvLSTM", 1.773, 137.7, 60.3],
    ["TrajGRU", 1.916, 148.8, 65.1],
    ["PredRNN", 3.595, 279.2, 122.2],
    ["PredRNN++", 5.609, 378.7, 163.5],
    ["MIM", 7.361, 571.9, 250.2],
    ["MotionRNN", 7.561, 578.6, 253.1],
    ["PredRNN-V2", 3.599, 283.1, 123.9],
    ["PrecipLSTM", 7.041, 547.0, 239.3],
    ["CMS-LSTM", 4.483, 468.6, 205.0],
    ["MoDeRNN", 5.855, 931.4, 407.5],
    ["MK-LSTM", 7.577, 589.1, 257.7],
  ] as const
).map(([model, parameters, base, multiScale]) => ({ model, parameters, base, multiScale }));

/** What papers of MS-RNN's authors and their followers say of it, of which no absolute numbers could be read. */
export interface PublishedClaim {
  readonly paper: string;
  readonly claim: string;
  readonly source: string;
}

export const publishedClaims: readonly PublishedClaim[] = [
  {
    paper: "MS-RNN (arXiv 2206.03010)",
    claim: "much lower memory cost but better performance for every model; its result tables could not be read",
    source: "abstract (arxiv.org/html/2206.03010v7)",
  },
  {
    paper: "MS-RNN (arXiv 2206.03010)",
    claim: "memory saving up to approximately 56 %",
    source: "summary at sciencestack.ai/paper/2206.03010",
  },
  {
    paper: "MS-LSTM (arXiv 2304.07724)",
    claim: "better accuracy at lower cost than twelve baselines on four data sets",
    source: "abstract (arxiv.org/html/2304.07724v3)",
  },
  {
    paper: "PrecipLSTM (IEEE TGRS 60, 2022)",
    claim: "best of six on four radar data sets, with fewer parameters than the previous best",
    source: "abstract (concepedia.online W4292994000)",
  },
  {
    paper: "MM-RNN (IEEE TGRS 2023)",
    claim:
      "MeteoNet: CSI(R≥10) of MM-MotionRNN 23.4 % above MS-MotionRNN, MSE 6.7 % below; RAIN-F: HSS(R≥5) of MM-MIM 209.4 % above MS-MIM, B-MSE 4.6 % below",
    source: "abstract (lausr.org)",
  },
  {
    paper: "DB-RNN (IEEE JSTARS 2024)",
    claim:
      "HKO-7 at 160 x 160, 5 → 5: twice the parameters, operations and memory of MS-RNN (24 channels) and four times its time",
    source: "abstract (aminer.org)",
  },
  {
    paper: "MMF-RNN (IEEE TGRS 2025)",
    claim: "RAIN-F, against MM-PredRNN++: CSI(R≥5) +58.08 %, HSS(R≥5) +48.55 %",
    source: "openreview.net/forum?id=qSdeHLwjcu",
  },
];
