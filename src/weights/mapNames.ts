import * as tf from "@tensorflow/tfjs";
import type { Model, ModelParams } from "../model";
import { type Tree, UserError } from "../types";
import type { NamedArray } from "./safetensors";

/** Arrays under the names and in the layout of the MS-RNN code: kernels [out, in, kh, kw], biases [out]. */
export type ReferenceWeights = ReadonlyMap<string, NamedArray>;

/** For each of our parameters of a cell the published weights it is joined of along the input channels, inputs first. */
const cellNames: Record<string, Record<string, readonly string[]>> = {
  ConvLSTM: {
    kernel: ["_conv_x2h.weight", "_conv_h2h.weight"],
    biasX: ["_conv_x2h.bias"],
    biasH: ["_conv_h2h.bias"],
  },
};

const pointwise = (prefix: string) => ({ kernel: [`${prefix}.weight`], bias: [`${prefix}.bias`] });

/** The published code names the layers of its ablation networks differently. */
const layerPrefix = (model: string) => (/-(WO-Skip|UNet3\+|FC)$/.test(model) ? "rnns.lstms" : "rnns.lstm");

/** Parameters of one cell from published weights, whose names begin with `prefix`. Errors: unknown cell, missing weight. */
export function cellFromReference(cell: string, weights: ReferenceWeights, prefix = ""): Tree {
  return fromNames(namesOf(cell), weights, prefix);
}

/** The inverse of `cellFromReference`; `filters` is the cell's number of output channels. */
export function cellToReference(cell: string, tree: Tree, filters: number, prefix = ""): Map<string, NamedArray> {
  return toNames(namesOf(cell), tree, filters, prefix);
}

/** A network's parameters from published weights. A prefix `module.` of every name is ignored. */
export function fromReference(model: Model, published: ReferenceWeights): ModelParams {
  const weights = new Map([...published].map(([name, array]) => [name.replace(/^module\./, ""), array]));
  const { cells } = model.stack;
  const layers = cells.map((cell, layer) => [
    layer,
    cellFromReference(cell.name, weights, `${layerPrefix(model.name)}.${layer}.`),
  ]);
  return {
    embed: fromNames(pointwise("embed.conv_embed"), weights) as ModelParams["embed"],
    layers: Object.fromEntries(layers),
    head: fromNames(pointwise("fc.conv_fc"), weights) as ModelParams["head"],
  };
}

/** The inverse of `fromReference`: parameters, or gradients of them, under the published names. */
export function toReference(model: Model, { embed, layers, head }: ModelParams): Map<string, NamedArray> {
  const { cells } = model.stack;
  return new Map([
    ...toNames(pointwise("embed.conv_embed"), embed, 0),
    ...cells.flatMap((cell, layer) => [
      ...cellToReference(cell.name, layers[layer], cell.filters, `${layerPrefix(model.name)}.${layer}.`),
    ]),
    ...toNames(pointwise("fc.conv_fc"), head, 0),
  ]);
}

function namesOf(cell: string): Record<string, readonly string[]> {
  const names = cellNames[cell];
  if (!names) throw new UserError(`no names of published weights are known for the cell ${cell}`);
  return names;
}

function fromNames(names: Record<string, readonly string[]>, weights: ReferenceWeights, prefix = ""): Tree {
  const entries = Object.entries(names).map(([ours, theirs]) => {
    const value = tf.tidy(() => {
      const parts = theirs.map((name) => {
        const found = weights.get(prefix + name);
        if (!found) throw new UserError(`weight ${prefix}${name} is missing among the ${weights.size} published ones`);
        const tensor = tf.tensor(found.data, found.shape as number[]);
        return tensor.rank === 4 ? tf.transpose(tensor, [2, 3, 1, 0]) : tensor;
      });
      return parts.length === 1 ? parts[0].clone() : tf.concat(parts, 2);
    });
    return [ours, value] as const;
  });
  return Object.fromEntries(entries);
}

function toNames(
  names: Record<string, readonly string[]>,
  tree: Tree,
  filters: number,
  prefix = "",
): Map<string, NamedArray> {
  const entries = Object.entries(names).flatMap(([ours, theirs]) => {
    const joined = tree[ours] as tf.Tensor;
    return tf.tidy(() => {
      // All parts but the first, which reads the input, read states of `filters` channels.
      const inputs = joined.shape[2] as number;
      const sizes = theirs.map((_, i) => (i === 0 ? inputs - filters * (theirs.length - 1) : filters));
      const parts = theirs.length === 1 ? [joined] : tf.split(joined, sizes, 2);
      return parts.map((part, i): [string, NamedArray] => {
        const tensor = part.rank === 4 ? tf.transpose(part, [3, 2, 0, 1]) : part;
        return [prefix + theirs[i], { shape: tensor.shape, data: tensor.dataSync() as Float32Array }];
      }) as unknown as tf.TensorContainerArray;
    }) as unknown as [string, NamedArray][];
  });
  return new Map(entries);
}
