"""Writes a checkpoint of bench/peer's network with random weights as PyTorch does, and what the network forecasts:

python3 checkpoint.py MODEL FILTERS SEED CONTEXT.npy HORIZON OUT.pth FORECAST.npy [--parallel | --nested | --half]

Frames are [batch, time, height, width, channels]. --parallel: names begin with `module.`, as nn.DataParallel leaves them; --nested:
the weights are one entry of a dictionary; --half: in 16 bits.
"""

import sys
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "peer"))
from network import Network  # noqa: E402

model, filters, seed, context, horizon, out, forecast, *rest = sys.argv[1:]
torch.manual_seed(int(seed))
frames = torch.from_numpy(numpy.load(context)).permute(1, 0, 4, 2, 3)
network = Network(model, int(filters), 3, frames.shape[2], False)
if "--half" in rest:
    network.load_state_dict({name: tensor.half().float() for name, tensor in network.state_dict().items()})
predicted = torch.stack(network.forecast(list(frames), int(horizon))).permute(1, 0, 3, 4, 2)
numpy.save(forecast, predicted.contiguous().numpy())
state = (torch.nn.DataParallel(network) if "--parallel" in rest else network).state_dict()
if "--half" in rest:
    state = {name: tensor.half() for name, tensor in state.items()}
torch.save({"epoch": 3, "state_dict": state} if "--nested" in rest else state, out)
