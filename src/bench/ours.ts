import * as tf from "@tensorflow/tfjs";
import type { Native } from "../backend/onednn/native";
import type { Form } from "../backend/onednn/storage";

/** Functions of native/ops/peak.cpp. */
interface PeakFunctions {
  /** GFLOP/s of multiply-adds in registers on all threads, measured over so many milliseconds. Waits. */
  peak(milliseconds: number): number;
}

interface EngineBackend {
  readonly native?: Native & PeakFunctions;
  form?(info: tf.TensorInfo): Form;
}

const backend = () => tf.backend() as unknown as EngineBackend;

/** GFLOP/s of multiply-adds in registers on all threads, measured now; nothing where the engine does not compute. */
export const peak = (): number | undefined => backend().native?.peak(100);

/** Waits until everything that was queued is computed. */
export function settle(last: tf.Tensor): void {
  const { native } = backend();
  if (native) native.finish();
  else tf.tidy(() => tf.slice(tf.reshape(last, [-1]), 0, 1).dataSync());
}

/** What the engine holds once everything that was queued is computed; nothing where it does not compute. */
export function pool(): { usedBytes: number; freeBytes: number } | undefined {
  const { native } = backend();
  if (!native) return undefined;
  native.finish();
  const { usedBytes, freeBytes } = native.state();
  return { usedBytes, freeBytes };
}

/** How the numbers lie in the engine's memory: `plain` rows, or `blocked` by 16 channels. */
export const formOf = (tensor: tf.Tensor): Form => backend().form?.(tensor) ?? "plain";
