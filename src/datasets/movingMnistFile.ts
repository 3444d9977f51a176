import type { ArrayAxes } from "./arrayFrames";
import type { Dataset } from "./dataset";
import { movingMnistCitation } from "./movingMnist";
import { ownData } from "./ownData";

export interface MovingMnistFileOptions {
  /** A `.npy` or `.npz` file of sequences of grey levels. */
  readonly from: string;
  /** Default TNHW, as `mnist_test_seq.npy` has them: [20, 10000, 64, 64]. */
  readonly axes?: ArrayAxes;
  /** Frames in a sequence. Default 20. */
  readonly time?: number;
  /**
   * "published": all sequences are to test with, as of `mnist_test_seq.npy`. "paper": the first 70 % train and the others test, in
   * their order, as the code of the MS-RNN paper divides the 15,000 it made. Default "published".
   */
  readonly profile?: "published" | "paper";
  /** Share of the sequences that validate, taken from the end of those that train. Default 0. */
  readonly validation?: number;
}

/** Moving MNIST from a file. Errors as for `ownData`. */
export async function movingMnistFile(options: MovingMnistFileOptions): Promise<Dataset> {
  const { from, axes = "TNHW", time = 20, profile = "published", validation = 0 } = options;
  const test = profile === "paper" ? 0.3 : 1;
  const data = await ownData({ from, axes, time, split: { validation, test }, range: [0, 255], unit: "grey level" });
  return {
    ...data,
    name: `Moving MNIST (${profile} sequences)`,
    source: {
      url: "https://www.cs.toronto.edu/~nitish/unsupervised_video/",
      licence: "none stated; MNIST digits: Y. LeCun and C. Cortes, CC BY-SA 3.0 as commonly stated",
      how: "your own file",
    },
    citation: movingMnistCitation,
  };
}
