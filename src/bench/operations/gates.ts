import {
  GRU_GATES,
  gruGates,
  HIGHWAY,
  highway,
  LSTM_GATES,
  lstmGates,
  MEMORY_GATES,
  memoryGates,
  OUTPUT_GATE,
  outputGate,
} from "../../ops/gates";
import { mapsOperation } from "./maps";
import type { Operation } from "./operation";

/** Activations of the gates and the state update, as one operation: pre-activations and the state before. */
export function gates(batch: number, side: number, channels: number): Operation[] {
  const wide = (parts: number) => [batch, side, side, parts * channels];
  const state = wide(1);
  return [
    mapsOperation({
      name: "LSTM gates",
      kind: "lstmGates",
      inputs: [wide(4), state],
      outputs: [state, state],
      apply: (z, c) => lstmGates(z, c),
      kernel: (z, c) => ({ name: LSTM_GATES, inputs: { z, c } }),
    }),
    mapsOperation({
      name: "memory gates",
      kind: "memoryGates",
      inputs: [wide(3), state],
      outputs: [state],
      apply: (z, m) => memoryGates(z, m),
      kernel: (z, m) => ({ name: MEMORY_GATES, inputs: { z, m }, attrs: { output: false } }),
    }),
    mapsOperation({
      name: "output gate",
      kind: "outputGate",
      inputs: [state, state],
      outputs: [state],
      apply: (o, u) => outputGate(o, u),
      kernel: (o, u) => ({ name: OUTPUT_GATE, inputs: { o, u } }),
    }),
    mapsOperation({
      name: "GRU gates",
      kind: "gruGates",
      inputs: [wide(3), wide(3), state],
      outputs: [state],
      apply: (zx, zh, h) => gruGates(zx, zh, h, { activation: "leaky" }),
      kernel: (zx, zh, h) => ({ name: GRU_GATES, inputs: { zx, zh, h }, attrs: { activation: "leaky" } }),
    }),
    mapsOperation({
      name: "highway",
      kind: "highway",
      inputs: [wide(2), state],
      outputs: [state],
      apply: (ps, z) => highway(ps, z),
      kernel: (ps, z) => ({ name: HIGHWAY, inputs: { ps, z } }),
    }),
  ];
}
