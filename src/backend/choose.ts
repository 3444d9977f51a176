import * as tf from "@tensorflow/tfjs";
import { UsageError, UserError } from "../types";
import { registerOnednn } from "./onednn/register";
import { completeWasm } from "./wasm";

/** A compute engine that tfjs can run on. */
interface Engine {
  /** tfjs's name of it; two entries may share one, such as TensorFlow with and without a GPU. */
  readonly backend: string;
  /** Makes it known to tfjs. Returns why it cannot be used, or nothing. */
  load(): string | undefined | Promise<string | undefined>;
}

/** What computes, for the run's record. */
export interface BackendInfo {
  readonly name: string;
  /** One line for people: what was chosen, and what to do for a faster one. */
  readonly line: string;
}

const engines: Record<string, Engine> = {
  tensorflow: {
    backend: "tensorflow",
    load: () => {
      // The card's package. It downloads a native library when it is installed, so it is an optional peer.
      try {
        require("@tensorflow/tfjs-node-gpu");
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code === "MODULE_NOT_FOUND") return "@tensorflow/tfjs-node-gpu is not installed";
        return `@tensorflow/tfjs-node-gpu does not load: ${message.split("\n")[0]}`;
      }
      return undefined;
    },
  },
  onednn: { backend: "onednn", load: registerOnednn },
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
    const reason = await start(engines[candidate], candidate);
    if (reason === undefined) {
      const why = name === undefined ? refusals.map((refusal) => `; ${refusal}`).join("") : "";
      chosen = { name: candidate, line: `backend: ${candidate} (tfjs ${tf.version_core})${why}` };
      return chosen;
    }
    refusals.push(reason);
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
