import type * as tf from "@tensorflow/tfjs";
import type { Buffer, Native } from "./native";

/**
 * How a tensor's numbers lie in a buffer. `plain`: row after row, as tfjs has them. `blocked`: feature maps
 * [batch, height, width, channels] as [batch, ceil(channels / 16), height, width, 16], which the fast convolutions want;
 * lanes without a channel are always 0.
 */
export type Form = "plain" | "blocked";

/** Channels of a block. */
export const LANES = 16;

type Values = tf.backend_util.BackendValues;
type Shape = readonly number[];

const size = (shape: Shape) => shape.reduce((a, b) => a * b, 1);
const same = (a: Shape, b: Shape) => a.length === b.length && a.every((n, i) => n === b[i]);

/** Batch, pixels and channels of feature maps. */
export const mapSizes = ([batch, height, width, channels]: Shape): [number, number, number] => [
  batch,
  height * width,
  channels,
];

/** Floats of a buffer that holds a tensor of this shape. */
export function floatsOf(shape: Shape, form: Form): number {
  if (form === "plain") return size(shape);
  const [batch, pixels, channels] = mapSizes(shape);
  return batch * pixels * Math.ceil(channels / LANES) * LANES;
}

/**
 * The numbers of one dataId, in every form somebody has asked for: tensors do not change, so each form is made once and kept
 * until the dataId is disposed. `values` is what tfjs's own JavaScript kernels read.
 *
 * float32 and bool (as 0 and 1) can lie in the engine's memory; other types stay in JavaScript.
 */
export class Stored {
  refCount = 1;
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
  private host?: Values;
  private plain?: Buffer;
  private blocked?: { readonly buffer: Buffer; readonly shape: Shape };
  private readonly derived = new Map<string, Buffer>();

  constructor(
    private readonly native: Native,
    readonly dtype: tf.DataType,
    readonly size: number,
    values?: Values,
  ) {
    this.host = values;
  }

  /** True where kernels may ask for a buffer. */
  get computable(): boolean {
    return (this.dtype === "float32" || this.dtype === "bool") && this.size > 0;
  }

  get values(): Values | undefined {
    if (this.host === undefined && this.inEngine) this.host = this.copy();
    return this.host;
  }

  set values(values: Values | undefined) {
    this.release();
    this.host = values;
  }

  private get inEngine(): boolean {
    return this.plain !== undefined || this.blocked !== undefined;
  }

  /** A copy of the numbers, which the caller may keep and change. */
  copy(): Values | undefined {
    if (this.host !== undefined) return (this.host as Float32Array).slice();
    if (!this.inEngine) return undefined;
    const values = new Float32Array(this.size);
    this.native.read(this.asPlain(), values);
    return this.typed(values);
  }

  /** The same without waiting. */
  async copyLater(): Promise<Values | undefined> {
    if (this.host !== undefined || !this.inEngine) return this.copy();
    return this.typed(await this.native.readLater(this.asPlain(), this.size));
  }

  private typed(values: Float32Array): Values {
    return this.dtype === "bool" ? Uint8Array.from(values) : values;
  }

  /** The form that costs nothing for a tensor of this shape. */
  form(shape: Shape): Form {
    return this.blocked && same(this.blocked.shape, shape) ? "blocked" : "plain";
  }

  /** The buffer that holds a tensor of this shape in a form; made where it is not there yet. */
  buffer(shape: Shape, form: Form): Buffer {
    return form === "plain" ? this.asPlain() : this.asBlocked(shape);
  }

  /** Takes over a new buffer, to be filled by the caller. */
  own(buffer: Buffer, shape: Shape, form: Form): void {
    if (form === "plain") this.plain = buffer;
    else this.blocked = { buffer, shape };
  }

  /**
   * A buffer of what `make` computes from this tensor alone, such as weights packed for one kind of convolution: computed
   * once, released with the tensor.
   */
  derive(key: string, make: () => Buffer): Buffer {
    let buffer = this.derived.get(key);
    if (buffer === undefined) {
      buffer = make();
      this.derived.set(key, buffer);
    }
    return buffer;
  }

  release(): void {
    if (this.plain !== undefined) this.native.release(this.plain);
    if (this.blocked) this.native.release(this.blocked.buffer);
    for (const buffer of this.derived.values()) this.native.release(buffer);
    this.plain = undefined;
    this.blocked = undefined;
    this.derived.clear();
  }

  private asPlain(): Buffer {
    if (this.plain !== undefined) return this.plain;
    const buffer = this.native.allocate(this.size);
    if (this.blocked) this.native.unblock(this.blocked.buffer, buffer, ...mapSizes(this.blocked.shape));
    else this.native.write(buffer, floats(this.host));
    this.plain = buffer;
    return buffer;
  }

  private asBlocked(shape: Shape): Buffer {
    if (this.blocked && same(this.blocked.shape, shape)) return this.blocked.buffer;
    const plain = this.asPlain();
    const buffer = this.native.allocate(floatsOf(shape, "blocked"));
    this.native.block(plain, buffer, ...mapSizes(shape));
    if (this.blocked) this.native.release(this.blocked.buffer);
    this.blocked = { buffer, shape: [...shape] };
    return buffer;
  }
}

function floats(values: Values | undefined): Float32Array {
  if (values instanceof Float32Array) return values;
  if (values === undefined) throw new Error("a tensor without values was given to the engine");
  return Float32Array.from(values as ArrayLike<number>);
}
