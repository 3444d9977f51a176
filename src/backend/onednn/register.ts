import * as tf from "@tensorflow/tfjs";
import { OnednnBackend } from "./backend";
import type { NativeKernel } from "./kernel";
import { adamKernels } from "./kernels/adam";
import { attentionKernels } from "./kernels/attention";
import { convolutionKernels } from "./kernels/convolution";
import { elementwiseKernels } from "./kernels/elementwise";
import { gatesKernels } from "./kernels/gates";
import { matMulKernels } from "./kernels/matMul";
import { poolKernels } from "./kernels/pool";
import { reduceKernels } from "./kernels/reduce";
import { shapeKernels } from "./kernels/shape";
import { upsampleKernels } from "./kernels/upsample";
import { warpKernels } from "./kernels/warp";
import { loadNative } from "./native";

const families = [
  adamKernels,
  convolutionKernels,
  elementwiseKernels,
  gatesKernels,
  matMulKernels,
  poolKernels,
  reduceKernels,
  shapeKernels,
  upsampleKernels,
  warpKernels,
  attentionKernels,
];

/** Makes the backend `onednn` known to tfjs; says in one line why that cannot be. */
export function registerOnednn(): string | undefined {
  const native = loadNative();
  if (typeof native === "string") return native;
  // Every operation of tfjs works: those without a native kernel, and cases a native kernel leaves alone, on the cpu's.
  const kernels = Object.assign({}, ...families) as Record<string, NativeKernel>;
  for (const { kernelName } of tf.getKernelsForBackend("cpu")) kernels[kernelName] ??= () => undefined;
  for (const [name, kernel] of Object.entries(kernels)) register(name, kernel);
  tf.registerBackend("onednn", () => new OnednnBackend(native), 4);
  return undefined;
}

function register(kernelName: string, kernel: NativeKernel): void {
  const plain = tf.getKernel(kernelName, "cpu");
  const kernelFunc: tf.KernelFunc = (call) => {
    const backend = call.backend as OnednnBackend;
    return backend.named(kernelName, () => {
      const result = kernel({ ...call, backend } as Parameters<NativeKernel>[0]);
      if (result !== undefined) return result;
      if (!plain) throw new Error(`${kernelName}: these inputs cannot be computed on onednn`);
      return plain.kernelFunc(call);
    });
  };
  tf.registerKernel({ ...plain, kernelName, backendName: "onednn", kernelFunc });
}
