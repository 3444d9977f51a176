import type { Cell, CellAt, CellOptions } from "./cells/cell";
import { cmsLstm } from "./cells/cmsLstm";
import { convLstm } from "./cells/convLstm";
import { mim } from "./cells/mim";
import { mkLstm } from "./cells/mkLstm";
import { modeRnn } from "./cells/modeRnn";
import { motionRnn } from "./cells/motionRnn";
import { precipLstm } from "./cells/precipLstm";
import { predRnn } from "./cells/predRnn";
import { predRnnPlusPlus } from "./cells/predRnnPlusPlus";
import { predRnnV2 } from "./cells/predRnnV2";
import { trajGru } from "./cells/trajGru";
import { buildModel, type Model, type ModelOptions } from "./model";
import { type Citation, UsageError } from "./types";
import {
  chain,
  multiScale,
  multiScaleFullyConnected,
  multiScaleUNet3Plus,
  multiScaleWithoutSkip,
  type Wiring,
} from "./wiring";

const msRnn: Citation = {
  key: "ma2022msrnn",
  title: "MS-RNN: A Flexible Multi-Scale Framework for Spatiotemporal Predictive Learning",
  authors: "Ma, Zhang, Liu",
  year: 2022,
  url: "https://arxiv.org/abs/2206.03010",
  checked: "yes",
};

/** How the cells of one kind are made from a layer's position. */
const cells: Record<string, (options: CellOptions) => CellAt> = {
  ConvLSTM: (options) => () => convLstm(options),
  TrajGRU: (options) => () => trajGru(options),
  PredRNN: (options) => () => predRnn(options),
  "PredRNN-V2": (options) => () => predRnnV2(options),
  "PredRNN++": (options) => (layer) => predRnnPlusPlus(options, layer),
  MIM: (options) => (layer) => mim(options, layer),
  PrecipLSTM: (options) => () => precipLstm(options),
  "CMS-LSTM": (options) => () => cmsLstm(options),
  MoDeRNN: (options) => () => modeRnn(options),
  "MK-LSTM": (options) => () => mkLstm(options),
  MotionRNN: (options) => (layer, layers) => motionRnn(options, layer, layers),
};

/** The wirings of the paper by the affixes its models' names carry. */
const wirings: readonly (readonly [prefix: string, suffix: string, wiring: Wiring])[] = [
  ["", "", chain(6)],
  ["MS-", "", multiScale],
  ["MS-", "-WO-Skip", multiScaleWithoutSkip],
  ["MS-", "-UNet3+", multiScaleUNet3Plus],
  ["MS-", "-FC", multiScaleFullyConnected],
];

/** Networks whose paper gives them a name of their own. */
const ownNames: Readonly<Record<string, string>> = { "MS-MK-LSTM": "MS-LSTM" };

/** The ablation wirings were only tried with this cell. */
const ABLATED = "ConvLSTM";

interface Entry {
  readonly cellAt: (options: CellOptions) => CellAt;
  readonly wiring: Wiring;
}

const registry = new Map<string, Entry>(
  Object.entries(cells).flatMap(([cell, cellAt]) =>
    wirings
      .filter(([, suffix]) => suffix === "" || cell === ABLATED)
      .map(([prefix, suffix, wiring]) => {
        const name = `${prefix}${cell}${suffix}`;
        return [ownNames[name] ?? name, { cellAt, wiring }] as const;
      }),
  ),
);

/** Names that `model` takes. */
export const modelNames = (): string[] => [...registry.keys()];

/** One cell by its paper's name, for layer `layer` of `layers`. Errors: an unknown name. */
export function cellFor(name: string, options: CellOptions, layer = 0, layers = 1): Cell {
  if (!Object.hasOwn(cells, name))
    throw new UsageError(`unknown cell: ${name}; expected one of ${Object.keys(cells).join(", ")}`);
  return cells[name](options)(layer, layers);
}

/**
 * A network by its name in the field: `model("MS-ConvLSTM", { frame: { height: 64, width: 64, channels: 1 } })`.
 * Errors: an unknown name; frames that the wiring cannot take, or that `patch` cannot cut (`ModelOptions.patch`).
 */
export function model(
  name: string,
  { frame, patch, ...options }: CellOptions & Pick<ModelOptions, "frame" | "patch">,
): Model {
  const entry = registry.get(name);
  if (!entry) throw new UsageError(`unknown model: ${name}; expected one of ${modelNames().join(", ")}`);
  const { cellAt, wiring } = entry;
  const cites = name.startsWith("MS-") ? [msRnn] : [];
  return buildModel({ name, cellAt: cellAt(options), wiring, frame, patch, cites });
}
