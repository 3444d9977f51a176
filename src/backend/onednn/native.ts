import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { AdamFunctions } from "./kernels/adam";
import type { AttentionFunctions } from "./kernels/attention";
import type { ConvolutionFunctions } from "./kernels/convolutionPlan";
import type { ElementwiseFunctions } from "./kernels/elementwise";
import type { GatesFunctions } from "./kernels/gates";
import type { KernelPartsFunctions } from "./kernels/kernelParts";
import type { MatMulFunctions } from "./kernels/matMul";
import type { PoolFunctions } from "./kernels/pool";
import type { ReduceFunctions } from "./kernels/reduce";
import type { ShapeFunctions } from "./kernels/shape";
import type { UpsampleFunctions } from "./kernels/upsample";
import type { WarpFunctions } from "./kernels/warp";
import type { ProgramFunctions } from "./program";

/** A live buffer of the engine's pool: float32 memory outside JavaScript. */
export type Buffer = number;

/** What the engine remembers and moves. Errors of every native function: one line that names function and argument. */
interface MemoryFunctions {
  /** oneDNN's version. */
  readonly version: string;
  /** Instruction set of our own kernels. */
  readonly isa: "generic" | "avx2" | "avx512";
  /** The processor multiplies in bfloat16. */
  readonly bf16: boolean;
  allocate(floats: number): Buffer;
  /** Commands that were queued before still use it. */
  release(buffer: Buffer): void;
  write(buffer: Buffer, values: Float32Array): void;
  /** Waits for all queued commands. */
  read(buffer: Buffer, into: Float32Array): void;
  readLater(buffer: Buffer, floats: number): Promise<Float32Array>;
  finish(): void;
  state(): { usedBytes: number; freeBytes: number; buffers: number; threads: number };
  /** [batch, pixels, channels] to [batch, ceil(channels / 16), pixels, 16]; lanes without a channel become 0. */
  block(plain: Buffer, blocked: Buffer, batch: number, pixels: number, channels: number): void;
  unblock(blocked: Buffer, plain: Buffer, batch: number, pixels: number, channels: number): void;
  /** Sets lanes without a channel to 0. */
  clearLanes(blocked: Buffer, batch: number, pixels: number, channels: number): void;
  /** float32 to bfloat16, two in the place of one. */
  narrow(floats: number, from: Buffer, to: Buffer): void;
}

/** The engine's functions. All but `read` and `finish` queue a command and return at once. */
export type Native = MemoryFunctions &
  AdamFunctions &
  ConvolutionFunctions &
  ElementwiseFunctions &
  GatesFunctions &
  MatMulFunctions &
  PoolFunctions &
  ProgramFunctions &
  ReduceFunctions &
  ShapeFunctions &
  UpsampleFunctions &
  WarpFunctions &
  AttentionFunctions &
  KernelPartsFunctions;

/** Where the engine lies; `MS_RNN_ENGINE` names another build of it. */
export const enginePath = (): string =>
  process.env.MS_RNN_ENGINE ?? resolve(__dirname, "..", "..", "..", "native", "build", "engine.node");

/** Loads the engine, or says in one line why that cannot be. */
export function loadNative(): Native | string {
  const path = enginePath();
  if (!existsSync(path)) return "the engine is not built";
  try {
    return require(path) as Native;
  } catch (error) {
    return `the engine does not load: ${(error as Error).message.split("\n")[0]}`;
  }
}
