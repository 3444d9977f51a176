import * as tf from "@tensorflow/tfjs";
import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import type { Buffer, Native } from "./native";
import { Unrecordable } from "./program";
import { type Form, floatsOf, type Packed, Stored } from "./storage";

type Values = tf.backend_util.BackendValues;
type DataId = tf.TensorInfo["dataId"];

/** Number formats of convolutions' operands. */
export type Precision = "f32" | "bf16";

/**
 * tfjs's backend over the engine in native/. Numbers lie in the engine's memory as long as native kernels use them; tfjs's
 * JavaScript kernels, which do all operations without a native one, read and write them as they do on the cpu backend.
 *
 * Native kernels queue commands and do not wait; the first reading waits.
 */
export class OnednnBackend extends MathBackendCPU {
  constructor(readonly native: Native) {
    super();
    // The parent would advertise another package at its first use.
    (this as unknown as { firstUse: boolean }).firstUse = false;
  }

  // What kernels call

  /** True where every tensor can be given to native kernels: float32 or bool, not empty. */
  computable(...infos: tf.TensorInfo[]): boolean {
    return infos.every((info) => this.stored(info.dataId).computable);
  }

  /** The form that costs nothing. */
  form(info: tf.TensorInfo): Form {
    return this.stored(info.dataId).form(info.shape);
  }

  /** The buffer with a tensor's numbers; converted, and kept in both forms, where it has another form. */
  buffer(info: tf.TensorInfo, form: Form = "plain"): Buffer {
    return this.stored(info.dataId).buffer(info.shape, form);
  }

  /** A new tensor whose buffer the caller fills. */
  output(
    shape: number[],
    form: Form = "plain",
    dtype: tf.DataType = "float32",
  ): { info: tf.TensorInfo; buffer: Buffer } {
    const buffer = this.native.allocate(floatsOf(shape, form));
    const info = this.makeTensorInfo(shape, dtype);
    this.stored(info.dataId).own(buffer, shape, form);
    return { info, buffer };
  }

  /** A new tensor whose numbers the caller writes in an order of its own. */
  outputPacked(shape: number[], how: Omit<Packed, "buffer">): { info: tf.TensorInfo; buffer: Buffer } {
    const buffer = this.native.allocate(how.floats);
    const info = this.makeTensorInfo(shape, "float32");
    this.stored(info.dataId).ownPacked({ ...how, buffer });
    return { info, buffer };
  }

  /** A new tensor with the plain buffer of another one that is about to be disposed. */
  handOver({ dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo {
    const info = this.makeTensorInfo(shape, dtype);
    this.stored(info.dataId).own(this.stored(dataId).disown(), shape, "plain");
    return info;
  }

  /** A tensor's numbers in an order of their own, where they were made so. */
  packed(info: tf.TensorInfo): Packed | undefined {
    return this.stored(info.dataId).packed;
  }

  /** What a native function computes from this tensor alone, once in the tensor's life. */
  derive(info: tf.TensorInfo, key: string, make: () => Buffer): Buffer {
    return this.stored(info.dataId).derive(key, make);
  }

  /** A buffer for one command's scratch: handed to `use`, and free for the commands after those it queues. */
  scratch(floats: number, use: (buffer: Buffer) => void): void {
    const buffer = this.native.allocate(Math.max(1, floats));
    try {
      use(buffer);
    } finally {
      this.native.release(buffer);
    }
  }

  /** Of the operands of convolutions; sums and results are float32. */
  precision: Precision = "f32";
  private recording = false;

  get isRecording(): boolean {
    return this.recording;
  }

  /** Runs what a recording is made of; kernels then say who they are, for profiles and messages. */
  whileRecording<T>(work: () => T): T {
    this.recording = true;
    try {
      return work();
    } finally {
      this.recording = false;
    }
  }

  /** Runs a kernel by name. While recording, what cannot be recorded is an error that names the operation. */
  named<T>(kernelName: string, run: () => T): T {
    if (!this.recording) return run();
    this.native.recordLabel(kernelName);
    try {
      return run();
    } catch (error) {
      if (error instanceof Unrecordable || !/while recording/.test((error as Error).message)) throw error;
      throw new Unrecordable(`${kernelName} cannot be recorded: it has no native kernel for these inputs`);
    }
  }

  stored(dataId: DataId): Stored {
    return this.data.get(dataId) as unknown as Stored;
  }

  // What tfjs calls

  override write(values: Values, shape: number[], dtype: tf.DataType): DataId {
    // A copy: the caller may use its array again before the engine has read it.
    return this.put(shape, dtype, values && (values as Float32Array).slice());
  }

  override makeTensorInfo(shape: number[], dtype: tf.DataType, values?: Values | string[]): tf.TensorInfo {
    const text = dtype === "string" && values != null && values.length > 0 && tf.util.isString(values[0] as string);
    const encoded = text ? (values as string[]).map((entry) => tf.util.encodeString(entry)) : values;
    return { dataId: this.put(shape, dtype, encoded as Values | undefined), shape, dtype };
  }

  private put(shape: number[], dtype: tf.DataType, values?: Values): DataId {
    const dataId = {};
    this.keep(dataId, new Stored(this.native, dtype, tf.util.sizeFromShape(shape), values));
    return dataId;
  }

  private keep(dataId: DataId, stored: Stored): void {
    this.data.set(dataId, stored as never);
  }

  override move(dataId: DataId, values: Values, shape: number[], dtype: tf.DataType, refCount: number): void {
    const stored = new Stored(this.native, dtype, tf.util.sizeFromShape(shape), values);
    stored.refCount = refCount;
    this.keep(dataId, stored);
  }

  override readSync(dataId: DataId): Values {
    const stored = this.stored(dataId);
    if (stored.dtype === "complex64") return super.readSync(dataId);
    return tf.util.convertBackendValuesAndArrayBuffer(stored.copy() as Values, stored.dtype);
  }

  override async read(dataId: DataId): Promise<Values> {
    const stored = this.stored(dataId);
    if (stored.dtype === "complex64") return super.readSync(dataId);
    return tf.util.convertBackendValuesAndArrayBuffer((await stored.copyLater()) as Values, stored.dtype);
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const stored = this.data.has(dataId) ? this.stored(dataId) : undefined;
    const gone = super.disposeData(dataId, force);
    if (gone) stored?.release();
    return gone;
  }

  override memory() {
    return { unreliable: false, reasons: [] };
  }

  override async time(f: () => void): Promise<tf.BackendTimingInfo> {
    this.native.finish();
    const started = performance.now();
    f();
    this.native.finish();
    return { kernelMs: performance.now() - started };
  }
}
