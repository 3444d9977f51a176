import type { Citation } from "../types";
import type { Cell, CellOptions } from "./cell";
import { predRnn, type StLstmParams, type StLstmState } from "./predRnn";

const cites: Citation = {
  key: "wang2023predrnnv2",
  title: "PredRNN: A Recurrent Neural Network for Spatiotemporal Predictive Learning",
  authors: "Wang, Wu, Zhang, Gao, Wang, Yu, Long",
  year: 2023,
  url: "https://arxiv.org/abs/2103.09504",
  checked: "yes",
};

/**
 * PredRNN-V2 (SPEC 2.7): the ST-LSTM of PredRNN, whose two memories are kept from learning the same: their increments, after one
 * 1x1 convolution that all layers share, enter the loss by the cosine of their angle (`decouplingLoss`). Source: Wang et al. 2023 as
 * in the MS-RNN code.
 */
export function predRnnV2(options: CellOptions = {}): Cell<StLstmParams, StLstmState> {
  const cell = predRnn(options);
  const { filters } = cell;
  const adapter = { kernelSize: 1, inChannels: filters, outChannels: filters };
  return {
    ...cell,
    name: "PredRNN-V2",
    cites,
    decouples: true,
    // Training passes both increments through the adapter.
    convolutions: (inputChannels) => [...cell.convolutions(inputChannels), adapter, adapter],
  };
}
