import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "../backend";

/** What tfjs's fused operations do after their product: an activation. Gives back its argument where there is none. */
export type Epilogue = (backend: OnednnBackend, y: tf.TensorInfo) => tf.TensorInfo;

/** tfjs's names of activations, and the operations that compute them. */
const activations: Record<string, string> = {
  elu: "Elu",
  leakyrelu: "LeakyRelu",
  prelu: "Prelu",
  relu: "Relu",
  relu6: "Relu6",
  sigmoid: "Sigmoid",
};

const run = (backend: OnednnBackend, name: string, inputs: object, attrs: object = {}): tf.TensorInfo =>
  tf.getKernel(name, "onednn").kernelFunc({ inputs, attrs, backend } as never) as tf.TensorInfo;

/** The activation that the attributes of a fused operation ask for; nothing where it is unknown. */
export function epilogue(
  { activation, leakyreluAlpha }: { activation?: string; leakyreluAlpha?: number },
  slopes?: tf.TensorInfo,
): Epilogue | undefined {
  if (!activation || activation === "linear") return (_, y) => y;
  const name = activations[activation];
  if (!name) return undefined;
  return (backend, x) =>
    name === "Prelu" ? run(backend, name, { x, alpha: slopes }) : run(backend, name, { x }, { alpha: leakyreluAlpha });
}

/** activation(y + bias), as tfjs broadcasts it; what lies between is disposed. */
export function finish(
  backend: OnednnBackend,
  y: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  activate: Epilogue,
): tf.TensorInfo {
  const summed = bias ? run(backend, "Add", { a: y, b: bias }) : y;
  const result = activate(backend, summed);
  for (const between of new Set([y, summed])) {
    if (between.dataId !== result.dataId) backend.disposeIntermediateTensorInfo(between);
  }
  return result;
}
