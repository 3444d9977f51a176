import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "../backend";
import type { Kernels, NativeKernel } from "../kernel";
import type { Buffer } from "../native";
import { floatsOf, LANES } from "../storage";

/** Functions of native/ops/reduce.cpp. */
export interface ReduceFunctions {
  /** x [outer, rows, inner]; y [outer, inner] = scale · Sum, Prod, Max or Min over the rows. */
  reduce(f: string, x: Buffer, y: Buffer, outer: number, rows: number, inner: number, scale: number): void;
}

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);

interface Pass {
  outer: number;
  rows: number;
  inner: number;
}

/** Reductions of one run of neighbouring axes each, the last first. At least one. */
function passesOf(sizes: readonly number[], reduced: readonly boolean[]): Pass[] {
  const passes: Pass[] = [];
  let inner = 1;
  for (let end = sizes.length; end > 0; ) {
    let begin = end - 1;
    while (begin > 0 && reduced[begin - 1] === reduced[end - 1]) begin--;
    const run = product(sizes.slice(begin, end));
    if (!reduced[begin]) inner *= run;
    else if (run > 1) passes.push({ outer: product(sizes.slice(0, begin)), rows: run, inner });
    end = begin;
  }
  return passes.length > 0 ? passes : [{ outer: 1, rows: 1, inner }];
}

/** Runs the passes from one buffer to another. */
function run(backend: OnednnBackend, f: string, from: Buffer, to: Buffer, passes: Pass[], scale: number): void {
  const [{ outer, rows, inner }, ...others] = passes;
  if (others.length === 0) backend.native.reduce(f, from, to, outer, rows, inner, scale);
  else {
    backend.scratch(outer * inner, (between) => {
      backend.native.reduce(f, from, between, outer, rows, inner, 1);
      run(backend, f, between, to, others, scale);
    });
  }
}

/** How a reduction is computed. */
interface Options {
  /** The native function. */
  f: string;
  /** What the kernel takes and gives. */
  dtype?: "float32" | "bool";
  /** Divides by the number of reduced entries. */
  mean?: boolean;
  /** Name of the attribute with the axes. */
  axes?: string;
}

function reduction({ f, dtype = "float32", mean = false, axes = "axis" }: Options): NativeKernel {
  return ({ inputs: { x }, attrs, backend }) => {
    if (x.dtype !== dtype || !backend.computable(x)) return undefined;
    const over = tf.util.parseAxisParam(attrs[axes], x.shape);
    const reduced = x.shape.map((_: number, axis: number) => over.includes(axis));
    const [outShape, reduceShape] = tf.backend_util.computeOutAndReduceShapes(x.shape, over);
    const shape = attrs.keepDims ? tf.backend_util.expandShapeToKeepDim(outShape, over) : outShape;
    const scale = mean ? 1 / product(reduceShape) : 1;
    // Empty lanes are 0: nothing to a sum, and left out of the result where channels stay.
    if (backend.form(x) === "blocked" && (!reduced[3] || f === "Sum")) {
      const { info, buffer } = backend.output(shape, "plain", dtype);
      reduceBlocked(backend, f, x, reduced, scale, buffer);
      return info;
    }
    const from = backend.buffer(x);
    const { info, buffer } = backend.output(shape, "plain", dtype);
    run(backend, f, from, buffer, passesOf(x.shape, reduced), scale);
    return info;
  };
}

/** From blocked maps to a plain result. */
function reduceBlocked(
  backend: OnednnBackend,
  f: string,
  x: tf.TensorInfo,
  [n, h, w, c]: boolean[],
  scale: number,
  to: Buffer,
): void {
  const [batch, height, width, channels] = x.shape;
  const blocks = Math.ceil(channels / LANES);
  const passes = passesOf([batch, blocks, height, width, LANES], [n, c, h, w, c]);
  const from = backend.buffer(x, "blocked");
  if (c) run(backend, f, from, to, passes, scale);
  else {
    const rest = [n ? 1 : batch, h ? 1 : height, w ? 1 : width, channels];
    backend.scratch(floatsOf(rest, "blocked"), (between) => {
      run(backend, f, from, between, passes, scale);
      backend.native.unblock(between, to, rest[0], rest[1] * rest[2], channels);
    });
  }
}

export const reduceKernels: Kernels = {
  [tf.Sum]: reduction({ f: "Sum" }),
  [tf.Mean]: reduction({ f: "Sum", mean: true }),
  [tf.Prod]: reduction({ f: "Prod" }),
  [tf.Max]: reduction({ f: "Max", axes: "reductionIndices" }),
  [tf.Min]: reduction({ f: "Min" }),
  [tf.All]: reduction({ f: "Min", dtype: "bool" }),
  [tf.Any]: reduction({ f: "Max", dtype: "bool" }),
};
