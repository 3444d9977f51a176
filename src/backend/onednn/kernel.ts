import type * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "./backend";

/** What a kernel is given: tensors by name (a list where the operation takes one), attributes, the backend. */
export interface KernelCall {
  // biome-ignore lint/suspicious/noExplicitAny: tfjs's own kernels take attributes of any kind
  readonly inputs: Record<string, any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly attrs: Record<string, any>;
  readonly backend: OnednnBackend;
}

/** A kernel on the engine. Nothing where it leaves this call to tfjs's JavaScript kernel. */
export type NativeKernel = (call: KernelCall) => tf.TensorInfo | tf.TensorInfo[] | undefined;

/** Kernels of a family by tfjs's names of the operations. */
export type Kernels = Record<string, NativeKernel>;
