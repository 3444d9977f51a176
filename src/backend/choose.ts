import * as tf from "@tensorflow/tfjs";
import { UsageError, UserError } from "../types";
import type { OnednnBackend } from "./onednn/backend";
import { registerOnednn } from "./onednn/register";
import { completeWasm } from "./wasm";

/** A compute engine that tfjs can run on. */
interface Engine {
  /** tfjs's name of it; two entries may share one, such as TensorFlow with and without a GPU. */
  readonly backend: string;
  /** Makes it known to tfjs. Returns why it cannot be used, or nothing. */
  load(): string | undefined | Promise<string | undefined>;
  /** What to say of it when it computes. */
  describe?(): string;
  /** What to do where it cannot be used. */
  readonly advice?: string;
}

/** What computes, for the run's record. */
export interface BackendInfo {
  readonly name: string;
  /** One line for people: what was chosen, and what to do for a faster one. */
  readonly line: string;
}

/** How much longer a training step of the small workload takes on wasm than on the engine, on 2 cores: bench step, 3.29 s by 0.145 s. */
const ENGINE_GAIN = 20;

const ADVICE = `apt-get install g++ libdnnl-dev, then npm run setup, makes training about ${ENGINE_GAIN} times faster`;

const NOT_INSTALLED = "@tensorflow/tfjs-node-gpu is not installed";

const engines: Record<string, Engine> = {
  tensorflow: {
    backend: "tensorflow",
    load: () => {
      // The card's package. It downloads a native library when it is installed, so it is an optional peer.
      try {
        require("@tensorflow/tfjs-node-gpu");
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code === "MODULE_NOT_FOUND") return NOT_INSTALLED;
        return `@tensorflow/tfjs-node-gpu does not load: ${message.split("\n")[0]}`;
      }
      return undefined;
    },
  },
  onednn: {
    backend: "onednn",
    load: registerOnednn,
    describe: () => {
      const { native } = tf.backend() as OnednnBackend;
      const { threads } = native.state();
      return `oneDNN ${native.version}, ${native.isa}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
    },
    advice: process.platform === "linux" ? ADVICE : undefined,
  },
  wasm: { backend: "wasm", load: () => completeWasm() as undefined },
  cpu: { backend: "cpu", load: () => undefined },
};

let chosen: BackendInfo | undefined;
const loaded = new Set<string>();

/** The names that `--backend` and `MS_RNN_BACKEND` take, fastest first. */
export const backendNames = (): string[] => Object.keys(engines);

/**
 * Chooses what computes: the name given, else `MS_RNN_BACKEND`, else the fastest that is there.
 *
 * Errors: unknown name; a named backend that is not there (never replaced silently by another).
 */
export async function chooseBackend(name = process.env.MS_RNN_BACKEND): Promise<BackendInfo> {
  if (chosen && (name === undefined || name === chosen.name)) return chosen;
  if (name !== undefined && !Object.hasOwn(engines, name)) {
    throw new UsageError(`unknown backend: ${name}; expected one of ${backendNames().join(", ")}`);
  }
  const refusals: string[] = [];
  for (const candidate of name === undefined ? backendNames() : [name]) {
    const engine = engines[candidate];
    const reason = await start(engine, candidate);
    if (reason === undefined) {
      const what = [...(engine.describe ? [engine.describe()] : []), `tfjs ${tf.version_core}`].join("; ");
      const why = refusals.map((refusal) => `; ${refusal}`).join("");
      chosen = { name: candidate, line: `backend: ${candidate} (${what})${why}` };
      return chosen;
    }
    // Another package that few can install is not worth a word to those who did not ask for it.
    if (name !== undefined || reason !== NOT_INSTALLED) {
      refusals.push(engine.advice === undefined ? reason : `${reason}: ${engine.advice}`);
    }
  }
  throw new UserError(`backend ${name} cannot be used: ${refusals.join("; ")}`);
}

async function start({ backend, load }: Engine, name: string): Promise<string | undefined> {
  if (!loaded.has(name)) {
    const reason = await load();
    if (reason !== undefined) return reason;
    loaded.add(name);
  }
  if (tf.engine().registryFactory[backend] === undefined) return `${name} registers no tfjs backend`;
  if (!(await tf.setBackend(backend))) return `${name} does not start on this machine`;
  await tf.ready();
  // tfjs's cpu backend would advertise another package at its first use.
  (tf.backend() as unknown as { firstUse?: boolean }).firstUse = false;
  return undefined;
}
