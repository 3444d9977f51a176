import { availableParallelism } from "node:os";
import * as tf from "@tensorflow/tfjs";
import type { OnednnBackend } from "./onednn/backend";

/** Threads that the backend computes on; for one without an engine of ours, those the machine has. */
export const threads = (): number =>
  (tf.backend() as Partial<OnednnBackend>).native?.state().threads ?? availableParallelism();
