import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { UserError } from "../types";
import { Server } from "./process";

/** Before our engine was loaded: it sets variables of OpenMP for itself, which are not meant for others. */
const environment = { ...process.env };

/** Names that `--peer` takes. */
export const peerNames = ["pytorch"] as const;

const script = resolve(__dirname, "..", "..", "bench", "peer", "peer.py");

/** Debian's package is seen by Debian's own interpreter only; `MS_RNN_PYTHON` names another one. */
const interpreter = (): string =>
  environment.MS_RNN_PYTHON ?? (existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3");

export interface Pytorch {
  readonly server: Server;
  readonly version: string;
  readonly threads: number;
  /** Path of the library of its matrix products. */
  readonly blas: string;
  /** Names of the networks it knows. */
  readonly models: readonly string[];
}

/** Starts PyTorch on so many threads. Errors: it is not installed, in one line that says what to install. */
export async function startPytorch(threads: number): Promise<Pytorch> {
  const python = interpreter();
  if (!existsSync(script)) throw new UserError(`the peer's script is missing: ${script}`);
  const server = new Server("pytorch", python, ["-B", script, String(threads)], environment);
  const install = `PyTorch is not installed for ${python}: apt-get install python3-torch, or set MS_RNN_PYTHON`;
  const hello = await server.ready.catch((error: Error) => {
    throw /ENOENT|EACCES/.test(error.message) ? new UserError(install) : error;
  });
  if (hello.missing !== undefined) {
    await server.stop();
    throw new UserError(install);
  }
  const { version, blas, models } = hello as { version: string; blas: string; models: string[] };
  return { server, version, threads: Number(hello.threads), blas, models };
}

/** Whether its matrix products are the reference BLAS's, which is an order of magnitude slower than others. */
export const hasReferenceBlas = ({ blas }: Pytorch): boolean => /\/blas\/libblas/.test(blas);

/** What people should know of it, a line each. */
export function describePytorch(pytorch: Pytorch): string {
  const { version, threads, blas } = pytorch;
  const line = `peer: PyTorch ${version}, float32, ${threads} thread${threads === 1 ? "" : "s"}, matrix products of ${blas}`;
  if (!hasReferenceBlas(pytorch)) return line;
  return `${line}\npeer: that is the slow reference BLAS; apt-get install libopenblas0-pthread for a fair comparison of products`;
}
