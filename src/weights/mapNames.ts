import * as tf from "@tensorflow/tfjs";
import type { Cell } from "../cells/cell";
import type { Model, ModelParams } from "../model";
import { random } from "../random";
import { leaves, mapTree } from "../tree";
import { type Tree, UserError } from "../types";
import type { NamedArray } from "./safetensors";

/** Arrays under the names and in the layout of the MS-RNN code: kernels [out, in, kh, kw], biases [out]. */
export type ReferenceWeights = ReadonlyMap<string, NamedArray>;

/** For each of our parameters the published weights it is joined of along the input channels, inputs first. */
type Names = Readonly<Record<string, readonly string[]>>;

const single = (path: string, name: string): Names => ({
  [`${path}.kernel`]: [`${name}.weight`],
  [`${path}.bias`]: [`${name}.bias`],
});

/** Convolutions that are added up, under the names of their inputs. */
const joined = (path: string, parts: Readonly<Record<string, string>>): Names => ({
  [`${path}kernel`]: Object.values(parts).map((name) => `${name}.weight`),
  ...Object.fromEntries(
    Object.entries(parts).map(([input, name]) => [
      `${path}bias${input[0].toUpperCase()}${input.slice(1)}`,
      [`${name}.bias`],
    ]),
  ),
});

const stLstm = (path: string): Names => ({
  ...joined(`${path}gates.`, { x: "_conv_x2h", h: "_conv_h2h" }),
  ...joined(`${path}memory.`, { x: "_conv_x2h_m", m: "_conv_m2h_m" }),
  ...joined(`${path}output.`, { c: "_conv_c2o", m: "_conv_m2o" }),
  ...single(`${path}reduce`, "_conv_c_m"),
});

const mim: Names = {
  ...stLstm("lstm."),
  ...joined("nonStationary.gates.", { d: "_conv_x2h_n", n: "_conv_n2h_n" }),
  ...joined("nonStationary.output.", { d: "_conv_diff2o", n: "_conv_n2o" }),
  ...joined("stationary.gates.", { d: "_conv_x2h_s", c: "_conv_c2h_s" }),
  ...single("stationary.output", "_conv_s2o"),
};

/** The expression block of CMS-LSTM, whose stages are for 1, 2 and 4 tiles a side. */
const expression = (path: string, prefix: string): Names => ({
  ...Object.assign(
    {},
    ...[1, 2, 4].flatMap((scale, i) =>
      ["query", "key", "value"].map((part) =>
        single(`${path}stages.${scale}.${part}`, `${prefix}stages.${i}.f_${part}`),
      ),
    ),
  ),
  ...single(`${path}merge`, `${prefix}conv_bn`),
  ...single(`${path}reduce`, `${prefix}w_z`),
  ...joined(`${path}gates.`, { h: `${prefix}w_h2h`, z: `${prefix}w_z2h` }),
});

/** Of every cell; where a layer lacks a parameter its names are not asked for. */
const cellNames: Readonly<Record<string, Names>> = {
  ConvLSTM: joined("", { x: "_conv_x2h", h: "_conv_h2h" }),
  TrajGRU: {
    ...single("input", "_conv_x2h"),
    ...joined("query.", { x: "_conv_x2f", h: "_conv_h2f" }),
    ...single("flow", "_conv_flow"),
    ...single("project", "project"),
  },
  PredRNN: stLstm(""),
  "PredRNN-V2": stLstm(""),
  "PredRNN++": {
    ...single("gates", "_conv_x_h_c"),
    ...single("memory", "_conv_x_c_m"),
    ...single("transit", "_conv_m"),
    ...single("output", "_conv_o"),
    ...single("reduce", "_conv_c_m"),
    ...joined("highway.", { x: "_conv_x", z: "_conv_z" }),
  },
  MIM: mim,
  PrecipLSTM: {
    "attention.query": ["LA.conv1.weight"],
    "attention.key": ["LA.conv2.weight"],
    "attention.value": ["LA.conv3.weight"],
    ...single("attended", "_conv_x_x_att"),
    ...joined("gates.", { x: "_conv_x2h", h: "_conv_h2h" }),
    ...joined("memory.", { x: "_conv_x2h_m", m: "_conv_m2h_m" }),
    ...joined("spatial.", { x: "_conv_x2h_ms", s: "_conv_ms2h_ms" }),
    ...joined("temporal.", { d: "_conv_x2h_mt", t: "_conv_mt2h_mt" }),
    ...joined("output.", { c: "_conv_c2o", s: "_conv_ms2o", t: "_conv_mt2o", m: "_conv_m2o" }),
    ...single("reduce", "c_m_ms_mt"),
  },
  "CMS-LSTM": {
    ...joined("lstm.", { x: "_conv_x2h", h: "_conv_h2h" }),
    ...single("gateX", "convQ"),
    ...single("gateH", "convR"),
    ...expression("expression.", "SEBlock."),
  },
  MoDeRNN: {
    ...joined("lstm.", { x: "_conv_x2h", h: "_conv_h2h" }),
    ...single("gateX.three", "conv33_H"),
    ...single("gateX.five", "conv55_H"),
    ...single("gateX.seven", "conv77_H"),
    ...single("gateH.three", "conv33_X"),
    ...single("gateH.five", "conv55_X"),
    ...single("gateH.seven", "conv77_X"),
  },
  "MK-LSTM": {
    ...joined("small.", { x: "_conv_x2h_3", h: "_conv_h2h_3" }),
    ...joined("large.", { x: "_conv_x2h_5", h: "_conv_h2h_5" }),
    ...single("outputSmall", "_conv_c2o_3"),
    ...single("outputLarge", "_conv_c2o_5"),
    ...single("reduce", "_conv_out"),
  },
  MotionRNN: {
    ...mim,
    ...single("motion.encode", "_conv_enc"),
    ...single("motion.update", "_conv_u"),
    ...single("motion.reset", "_conv_r"),
    ...single("motion.candidate", "_conv_z"),
    ...single("motion.weigh", "_conv_hm"),
    ...single("motion.decode", "_conv_dec"),
    ...single("motion.enlarge", "_deconv_dec"),
    ...single("motion.fuse", "_conv_g"),
  },
};

/** What is not part of a layer. */
const others: Names = {
  ...single("embed", "embed.conv_embed"),
  ...single("adapter", "rnns.adapter"),
  ...single("head", "fc.conv_fc"),
};

/** The published code names the layers of its ablation networks differently. */
const layerPrefix = (model: string) => (/-(WO-Skip|UNet3\+|FC)$/.test(model) ? "rnns.lstms" : "rnns.lstm");

/**
 * Parameters of one cell from published weights, whose names begin with `prefix`; what the cell does not have is left alone.
 * Errors: unknown cell, a missing weight, one of another shape.
 */
export function cellFromReference(cell: Cell, inputChannels: number, weights: ReferenceWeights, prefix = ""): Tree {
  return fromNames(namesOf(cell), cell.init(random(0), inputChannels), weights, prefix);
}

/** The inverse of `cellFromReference`. */
export function cellToReference(cell: Cell, tree: Tree, prefix = ""): Map<string, NamedArray> {
  return toNames(namesOf(cell), tree, cell.filters, prefix);
}

/** Published weights without the prefix `module.` that training on several devices gives every name. */
export const withoutPrefix = (published: ReferenceWeights): ReferenceWeights =>
  new Map([...published].map(([name, array]) => [name.replace(/^module\./, ""), array]));

/** A network's parameters from published weights. A prefix `module.` of every name is ignored. */
export function fromReference(model: Model, published: ReferenceWeights): ModelParams {
  const weights = withoutPrefix(published);
  const { cells } = model.stack;
  const inputChannels = model.stack.inputChannels(cells[0].filters);
  const { layers: _, ...like } = model.init(0);
  const { embed, head, ...shared } = fromNames(others, like, weights) as Omit<ModelParams, "layers">;
  const layers = cells.map((cell, layer) => [
    layer,
    cellFromReference(cell, inputChannels[layer], weights, `${layerPrefix(model.name)}.${layer}.`),
  ]);
  return { embed, layers: Object.fromEntries(layers), ...shared, head };
}

/** The inverse of `fromReference`: parameters, or gradients of them, under the published names. */
export function toReference(model: Model, { layers, ...rest }: ModelParams): Map<string, NamedArray> {
  const { cells } = model.stack;
  return new Map([
    ...toNames(others, rest, 0),
    ...cells.flatMap((cell, layer) => [
      ...cellToReference(cell, layers[layer], `${layerPrefix(model.name)}.${layer}.`),
    ]),
  ]);
}

function namesOf({ name }: Cell): Names {
  const names = cellNames[name];
  if (!names) throw new UserError(`no names of published weights are known for the cell ${name}`);
  return names;
}

function fromNames(names: Names, like: Tree, weights: ReferenceWeights, prefix = ""): Tree {
  return mapTree(like, (leaf, path) => {
    leaf.dispose();
    return tf.tidy(() => {
      const parts = names[path].map((name) => {
        const found = weights.get(prefix + name);
        if (!found) throw new UserError(`weight ${prefix}${name} is missing among the ${weights.size} published ones`);
        const tensor = tf.tensor(found.data, found.shape as number[]);
        return tensor.rank === 4 ? tf.transpose(tensor, [2, 3, 1, 0]) : tensor;
      });
      const fit = parts.every((part) =>
        part.shape.every((size, axis) => (leaf.rank === 4 && axis === 2) || size === leaf.shape[axis]),
      );
      const channels = parts.reduce((sum, { shape }) => sum + (shape[2] ?? 0), 0);
      if (!fit || parts.some(({ rank }) => rank !== leaf.rank) || (leaf.rank === 4 && channels !== leaf.shape[2])) {
        const found = names[path]
          .map((name) => `${prefix}${name} [${weights.get(prefix + name)?.shape}]`)
          .join(" and ");
        throw new UserError(`${found}: does not fit our ${path} [${leaf.shape}] (height, width, in, out)`);
      }
      return parts.length === 1 ? parts[0].clone() : tf.concat(parts, 2);
    });
  });
}

function toNames(names: Names, tree: Tree, filters: number, prefix = ""): Map<string, NamedArray> {
  const entries = leaves(tree).flatMap(([path, leaf]) => {
    const theirs = names[path];
    return tf.tidy(() => {
      // All parts but the first, which reads the input, read states of `filters` channels.
      const inputs = leaf.shape[2] as number;
      const sizes = theirs.map((_, i) => (i === 0 ? inputs - filters * (theirs.length - 1) : filters));
      const parts = theirs.length === 1 ? [leaf] : tf.split(leaf, sizes, 2);
      return parts.map((part, i): [string, NamedArray] => {
        const tensor = part.rank === 4 ? tf.transpose(part, [3, 2, 0, 1]) : part;
        return [prefix + theirs[i], { shape: tensor.shape, data: tensor.dataSync() as Float32Array }];
      }) as unknown as tf.TensorContainerArray;
    }) as unknown as [string, NamedArray][];
  });
  return new Map(entries);
}
