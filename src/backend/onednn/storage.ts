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

/** A gradient of weights as a convolution leaves it, in an order of its own. */
export interface Packed {
  readonly buffer: Buffer;
  readonly floats: number;
  /** The same order has the same name. */
  readonly layout: string;
  /** Queues the writing of the plain numbers. */
  unpack(packed: Buffer, plain: Buffer): void;
}

interface Forms {
  plain?: Buffer;
  blocked?: { readonly buffer: Buffer; readonly shape: Shape };
  /** Sums of such gradients are unpacked once. */
  packed?: Packed;
  readonly derived: Map<string, Buffer>;
}

/** Number of recordings so far; forms made during the present one, of tensors from before it. */
let recordings = 0;
let shadows: Map<Stored, Forms> | undefined;

/** Runs `record` with the forms it makes of older tensors kept apart, and releases them at the end. */
export function apart<T>(record: () => T): T {
  recordings++;
  shadows = new Map();
  try {
    return record();
  } finally {
    for (const [stored, forms] of shadows) stored.releaseNew(forms);
    shadows = undefined;
  }
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
  private readonly kept: Forms = { derived: new Map() };
  private readonly born = recordings;

  constructor(
    private readonly native: Native,
    readonly dtype: tf.DataType,
    readonly size: number,
    values?: Values,
  ) {
    this.host = values;
  }

  /**
   * Where new forms belong. What is made while recording has no numbers, so for tensors from before the recording it is
   * kept apart and forgotten at its end.
   */
  private get forms(): Forms {
    if (!shadows || this.born === recordings) return this.kept;
    let forms = shadows.get(this);
    if (!forms) {
      forms = { ...this.kept, derived: new Map(this.kept.derived) };
      shadows.set(this, forms);
    }
    return forms;
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
    const { plain, blocked, packed } = this.forms;
    return plain !== undefined || blocked !== undefined || packed !== undefined;
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
    const { blocked } = this.forms;
    return blocked && same(blocked.shape, shape) ? "blocked" : "plain";
  }

  /** The buffer that holds a tensor of this shape in a form; made where it is not there yet. */
  buffer(shape: Shape, form: Form): Buffer {
    return form === "plain" ? this.asPlain() : this.asBlocked(shape);
  }

  /** Takes over a new buffer, to be filled by the caller. */
  own(buffer: Buffer, shape: Shape, form: Form): void {
    if (form === "plain") this.kept.plain = buffer;
    else this.kept.blocked = { buffer, shape };
  }

  /** Gives away the plain buffer; there are no numbers left to read. */
  disown(): Buffer {
    const { plain } = this.kept;
    if (plain === undefined) throw new Error("a tensor without a plain buffer cannot give it away");
    this.kept.plain = undefined;
    return plain;
  }

  /** Takes over a new buffer in an order of its own. */
  ownPacked(packed: Packed): void {
    this.kept.packed = packed;
  }

  /** The numbers in an order of their own, where they were made so. */
  get packed(): Packed | undefined {
    return this.forms.packed;
  }

  /**
   * A buffer of what `make` computes from this tensor alone, such as weights packed for one kind of convolution: computed
   * once, released with the tensor.
   */
  derive(key: string, make: () => Buffer): Buffer {
    const { derived } = this.forms;
    let buffer = derived.get(key);
    if (buffer === undefined) {
      buffer = make();
      derived.set(key, buffer);
    }
    return buffer;
  }

  release(): void {
    const { plain, blocked, packed, derived } = this.kept;
    if (plain !== undefined) this.native.release(plain);
    if (blocked) this.native.release(blocked.buffer);
    if (packed) this.native.release(packed.buffer);
    for (const buffer of derived.values()) this.native.release(buffer);
    this.kept.plain = undefined;
    this.kept.blocked = undefined;
    this.kept.packed = undefined;
    derived.clear();
  }

  /** Releases those of the forms that are not this tensor's own. */
  releaseNew({ plain, blocked, derived }: Forms): void {
    if (plain !== undefined && plain !== this.kept.plain) this.native.release(plain);
    if (blocked && blocked !== this.kept.blocked) this.native.release(blocked.buffer);
    for (const [key, buffer] of derived) if (buffer !== this.kept.derived.get(key)) this.native.release(buffer);
  }

  private asPlain(): Buffer {
    const { forms } = this;
    if (forms.plain !== undefined) return forms.plain;
    const buffer = this.native.allocate(this.size);
    if (forms.blocked) this.native.unblock(forms.blocked.buffer, buffer, ...mapSizes(forms.blocked.shape));
    else if (forms.packed) forms.packed.unpack(forms.packed.buffer, buffer);
    else this.native.write(buffer, floats(this.host));
    forms.plain = buffer;
    return buffer;
  }

  private asBlocked(shape: Shape): Buffer {
    const { forms } = this;
    if (forms.blocked && same(forms.blocked.shape, shape)) return forms.blocked.buffer;
    const plain = this.asPlain();
    const buffer = this.native.allocate(floatsOf(shape, "blocked"));
    this.native.block(plain, buffer, ...mapSizes(shape));
    // In a shadow the former one may be the tensor's own, which lives on.
    const owned = forms === this.kept || forms.blocked !== this.kept.blocked;
    if (forms.blocked && owned) this.native.release(forms.blocked.buffer);
    forms.blocked = { buffer, shape: [...shape] };
    return buffer;
  }
}

function floats(values: Values | undefined): Float32Array {
  if (values instanceof Float32Array) return values;
  if (values === undefined) throw new Error("a tensor without values was given to the engine");
  return Float32Array.from(values as ArrayLike<number>);
}
