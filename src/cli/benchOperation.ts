import { chooseBackend } from "../backend/choose";
import { threads } from "../backend/threads";
import { benchOperations, type OperationReport, type OperationResult } from "../bench/operationBench";
import { operations } from "../bench/operations";
import { type Pass, passNames } from "../bench/operations/operation";
import { complaint } from "../bench/others";
import { describePytorch, type Pytorch, startPytorch } from "../bench/pytorch";
import { markdownTable } from "../report/markdownTable";
import { UsageError } from "../types";
import { peerOf } from "./benchPeer";
import { common, numberOf, type Outcome, parse, remark, textOf, wholeOf } from "./command";

const options = {
  ...common,
  peer: { type: "string" },
  only: { type: "string" },
  size: { type: "string" },
  filters: { type: "string" },
  repeats: { type: "string" },
  seconds: { type: "string" },
} as const;

export const operationUsage =
  "op [--peer pytorch] [--only TEXT] [--size 64] [--filters 64] [--repeats 7] [--seconds 0.1] [--backend NAME] [--json]";

/** `bench op`: single operations at the paper's layer shapes. */
export async function benchOperation(args: string[]): Promise<Outcome> {
  const { values } = parse(args, options);
  const peer = peerOf(values);
  const repeats = wholeOf(values, "repeats", 1) ?? 7;
  // Shorter repeats of calls of 0.1 ms would mostly measure JavaScript that V8 has not compiled yet.
  const atLeast = numberOf(values, "seconds") ?? 0.1;
  if (atLeast < 0) throw new UsageError(`--seconds is ${atLeast}, expected 0 or more`);
  const size = wholeOf(values, "size", 4, 4096) ?? 64;
  const filters = wholeOf(values, "filters", 4, 1024) ?? 64;
  if (size % 4 !== 0 || filters % 4 !== 0)
    throw new UsageError(`--size is ${size} and --filters ${filters}, expected multiples of 4`);
  const only = textOf(values, "only")?.toLowerCase();
  const all = operations(size, filters);
  const chosen = all.filter(({ name }) => only === undefined || name.toLowerCase().includes(only));
  if (chosen.length === 0) {
    throw new UsageError(`--only ${only} matches no operation; there are ${all.map(({ name }) => name).join("; ")}`);
  }
  remark((await chooseBackend(textOf(values, "backend"))).line);
  let pytorch: Pytorch | undefined;
  try {
    if (peer) {
      pytorch = await startPytorch(threads());
      remark(describePytorch(pytorch));
    }
    const timing = { repeats, atLeast, budget: 5 };
    const tell = ({ op, ours }: OperationResult) => remark(`${op}: ${milliseconds(Object.values(ours)[0])} ms`);
    const report = await benchOperations(chosen, timing, pytorch, tell);
    const speed = report.peak === null ? "" : `, multiply-adds reach ${report.peak.toFixed(0)} GFLOP/s`;
    console.log(`${report.processor}, ${report.threads} threads, ${report.backend}${speed}`);
    console.log(explanation);
    console.log(operationTable(report));
    const noise = complaint(report.otherCores);
    if (noise) remark(noise);
    return { json: { ...report } };
  } finally {
    await pytorch?.server.stop();
  }
}

const explanation = `Medians of one call in ms. Feature maps are outputs of a convolution, so they lie as they would in a network.
together: forward and gradients by automatic differentiation. share: of the multiply-adds' peak, counting a direct convolution.
ratio: the peer's time by ours, the faster of its memory formats. *: fewer repeats than asked for.
†: says more of the slow reference BLAS that this PyTorch uses than of PyTorch.`;

const titles: Record<Pass, string> = {
  forward: "forward",
  inputGradient: "input gradient",
  weightGradient: "weight gradient",
  together: "together",
};

const milliseconds = (seconds: number) => (1000 * seconds).toPrecision(3);

/** One row an operation and pass, in Markdown. */
export function operationTable({ results, peer }: Pick<OperationReport, "results" | "peer">): string {
  const most = Math.max(...results.flatMap(({ repeats }) => Object.values(repeats)));
  const rows = results.flatMap((result) =>
    passNames.flatMap((pass) => {
      const { op, forms, ours, peers, ratios, repeats } = result;
      const doubt = peer?.referenceBlas && result.peerNeedsBlas ? "†" : "";
      const seconds = ours[pass];
      if (seconds === undefined) return [];
      const theirs = peers?.pytorch[pass];
      const { gflops, gbytes, share } = result.rates[pass] ?? {};
      const speed = gflops ? `${gflops.toFixed(1)} GFLOP/s` : gbytes ? `${gbytes.toFixed(1)} GB/s` : "";
      const row = [
        op,
        titles[pass],
        [...new Set(forms)].join("+"),
        `${milliseconds(seconds)}${repeats[pass]! < most ? "*" : ""}`,
        speed,
        share ? `${(100 * share).toFixed(0)} %` : "",
      ];
      if (!peers) return [row];
      return [
        [
          ...row,
          theirs ? milliseconds(theirs) : "",
          peers.pytorch.layouts[pass] ?? "",
          `${ratios?.[pass]?.toFixed(2) ?? ""}${doubt}`,
        ],
      ];
    }),
  );
  const head = ["operation", "pass", "form", "ours, ms", "speed", "share"];
  const compared = results.some(({ peers }) => peers);
  return markdownTable(compared ? [...head, "PyTorch, ms", "its layout", "ratio"] : head, rows);
}
