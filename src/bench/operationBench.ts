import { cpus } from "node:os";
import * as tf from "@tensorflow/tfjs";
import { threads } from "../backend/threads";
import { median } from "../statistics";
import { type Operation, type Pass, passNames, type Run } from "./operations/operation";
import { watchOthers } from "./others";
import { formOf, peak, settle } from "./ours";
import { numberIn } from "./process";
import { hasReferenceBlas, type Pytorch } from "./pytorch";
import { alternate, type Timed, type TimingOptions } from "./timing";

type Seconds = Partial<Record<Pass, number>>;

interface Rate {
  /** GFLOP/s of a direct computation: Winograd's algorithm needs fewer, so a share above 1 is possible. */
  readonly gflops?: number;
  /** Of the measured peak. */
  readonly share?: number;
  /** GB/s, where memory decides. */
  readonly gbytes?: number;
}

/** One operation's medians in seconds. `ratio` and rates outside `rates` are of `together`, of `forward` where that is all. */
export interface OperationResult extends Rate {
  readonly op: string;
  /** Of the inputs. */
  readonly shape: readonly (readonly number[])[];
  /** Forms of the inputs in the engine's memory. */
  readonly forms: readonly string[];
  readonly ours: Seconds;
  /** `layouts` says which of PyTorch's memory formats was the faster one. */
  readonly peers?: { readonly pytorch: Seconds & { readonly layouts: Partial<Record<Pass, string>> } };
  /** The peer's seconds by ours: above 1 we are faster. */
  readonly ratio?: number;
  readonly ratios?: Seconds;
  /** The peer computes it with its BLAS library. */
  readonly peerNeedsBlas: boolean;
  readonly rates: Partial<Record<Pass, Rate>>;
  /** Repeats of ours of each pass; fewer than asked for where one took too long. */
  readonly repeats: Seconds;
}

export interface OperationReport {
  readonly results: readonly OperationResult[];
  /** GFLOP/s of multiply-adds in registers; null where the engine does not compute. */
  readonly peak: number | null;
  readonly processor: string;
  readonly threads: number;
  /** Cores that other processes used meanwhile. */
  readonly otherCores: number;
  readonly backend: string;
  readonly peer?: {
    readonly version: string;
    readonly threads: number;
    readonly blas: string;
    /** Its matrix products are the plain loops of the reference BLAS: ratios with `peerNeedsBlas` mean little. */
    readonly referenceBlas: boolean;
  };
}

/** Times operations one after another, ours and the peer's in turn. `tell` is given each result, still without shares. */
export async function benchOperations(
  operations: readonly Operation[],
  timing: TimingOptions,
  pytorch?: Pytorch,
  tell: (result: OperationResult) => void = () => undefined,
): Promise<OperationReport> {
  // Whatever else the machine does can only lower it, so it is measured again and again.
  const peaks = [peak()];
  const busy = watchOthers(pytorch ? [pytorch.server.pid] : []);
  const results: OperationResult[] = [];
  for (const operation of operations) {
    const result = await benchOperation(operation, timing, pytorch);
    results.push(result);
    tell(result);
    peaks.push(peak());
  }
  const otherCores = busy();
  const known = peaks.filter((value) => value !== undefined);
  const fastest = known.length > 0 ? Math.max(...known) : undefined;
  return {
    results: fastest === undefined ? results : results.map((result) => withShares(result, fastest)),
    peak: fastest ?? null,
    processor: cpus()[0].model,
    threads: threads(),
    otherCores,
    backend: tf.getBackend(),
    ...(pytorch && {
      peer: {
        version: pytorch.version,
        threads: pytorch.threads,
        blas: pytorch.blas,
        referenceBlas: hasReferenceBlas(pytorch),
      },
    }),
  };
}

function withShares(result: OperationResult, fastest: number): OperationResult {
  const shared = ({ gflops, ...others }: Rate): Rate =>
    gflops === undefined ? others : { gflops, ...others, share: gflops / fastest };
  const rates = Object.entries(result.rates).map(([pass, rate]) => [pass, shared(rate)]);
  const { share } = shared(result);
  return { ...result, ...(share !== undefined && { share }), rates: Object.fromEntries(rates) };
}

async function benchOperation(
  operation: Operation,
  timing: TimingOptions,
  pytorch?: Pytorch,
): Promise<OperationResult> {
  const { kind, inputs, settings } = operation;
  const layouts = pytorch
    ? ((await pytorch.server.ask({ do: "prepare", operation: { kind, inputs, ...settings } })).layouts as string[])
    : [];
  const ours: Seconds = {};
  const repeats: Seconds = {};
  const theirs: Seconds = {};
  const chosen: Partial<Record<Pass, string>> = {};
  // A scope that lasts over awaits.
  tf.engine().startScope();
  try {
    const prepared = operation.prepare();
    const forms = prepared.inputs.map(formOf);
    for (const pass of passNames) {
      const run = prepared.passes[pass];
      if (!run) continue;
      const peers = layouts.map(
        (layout): Timed =>
          async (calls) => {
            const answer = await pytorch!.server.ask({ do: "time", pass, layout, calls });
            return numberIn(pytorch!.server, answer, "seconds");
          },
      );
      const [samples, ...others] = await alternate([timedRun(run), ...peers], timing);
      ours[pass] = median(samples);
      repeats[pass] = samples.length;
      const medians = others.map(median);
      const best = medians.indexOf(Math.min(...medians));
      if (best >= 0) {
        theirs[pass] = medians[best];
        chosen[pass] = layouts[best];
      }
    }
    return { ...summary(operation, ours, theirs, chosen), forms, repeats };
  } finally {
    tf.engine().endScope();
  }
}

/** Seconds of one call of ours; results are given back as a network's tidy scopes would. */
function timedRun(run: Run): Timed {
  return (calls) => {
    const started = performance.now();
    for (let call = 0; call < calls; call++) {
      tf.tidy(() => {
        const outputs = [run()].flat();
        if (call === calls - 1) settle(outputs[0]);
      });
    }
    return (performance.now() - started) / 1000 / calls;
  };
}

function summary(
  { name, inputs, flop, bytes, peerNeedsBlas = false }: Operation,
  ours: Seconds,
  theirs: Seconds,
  layouts: Partial<Record<Pass, string>>,
) {
  const whole: Pass = ours.together === undefined ? "forward" : "together";
  const rates: Partial<Record<Pass, Rate>> = {};
  const ratios: Seconds = {};
  for (const pass of passNames) {
    const seconds = ours[pass];
    if (seconds === undefined) continue;
    if (theirs[pass] !== undefined) ratios[pass] = theirs[pass] / seconds;
    const gflops = flop?.[pass] && flop[pass] / seconds / 1e9;
    rates[pass] = {
      ...(gflops && { gflops }),
      ...(bytes?.[pass] && { gbytes: bytes[pass] / seconds / 1e9 }),
    };
  }
  return {
    op: name,
    shape: inputs,
    ours,
    peerNeedsBlas,
    ...(ratios[whole] !== undefined && { peers: { pytorch: { ...theirs, layouts } }, ratio: ratios[whole], ratios }),
    ...rates[whole],
    rates,
  };
}
