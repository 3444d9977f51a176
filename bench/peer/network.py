"""Whole training steps in PyTorch, written as one would write them there: eager, one step of time after another.

What is computed is what `ms-rnn bench step` computes: embed, six recurrent layers, head, unrolled over a clip with a sampling
mask, the loss of MS-RNN, Adam. Weights carry the names of the published code.
"""

import time

import torch
from torch import nn
from torch.nn import functional as F

import weights
from cells import CELLS


MODELS = [prefix + cell for cell in CELLS for prefix in ("", "MS-")]


def down(x):
    return F.max_pool2d(x, 2)


def up(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Network(nn.Module):
    """One step of the whole network; single scale, or with the multi-scale wiring where the name begins with MS-."""

    def __init__(self, model, filters, kernel_size, channels, joined):
        super().__init__()
        self.multi_scale = model.startswith("MS-")
        cell = CELLS[model[3:] if self.multi_scale else model]
        self.scale = [1, 2, 4, 4, 2, 1] if self.multi_scale else [1] * 6
        layers = [cell(filters, kernel_size, joined, layer, len(self.scale)) for layer in range(len(self.scale))]
        # Parts are named as in the published code, so that its checkpoints and this network's are alike.
        self.embed = nn.ModuleDict({"conv_embed": nn.Conv2d(channels, filters, 1)})
        self.rnns = nn.ModuleDict({"lstm": nn.ModuleList(layers)})
        self.fc = nn.ModuleDict({"conv_fc": nn.Conv2d(filters, channels, 1)})

    @property
    def layers(self):
        return self.rnns["lstm"]

    def load(self, path):
        self.load_state_dict(weights.read(path))

    def zero_state(self, batch, height, width):
        """States of all layers; the memory; and per layer what the layer below put out before, resampled."""
        sizes = [(batch, height // s, width // s) for s in self.scale]
        states = [cell.zero_state(*size) for cell, size in zip(self.layers, sizes)]
        memory = self.layers[0].zeros(*sizes[0]) if self.layers[0].remembers else None
        below = [self.layers[0].zeros(*size) if self.layers[0].reads_below else None for size in sizes]
        return states, memory, below

    def resampled(self, x, layer):
        """From the scale of the layer below to that of this one."""
        if x is None or not self.multi_scale:
            return x
        return down(x) if layer in (1, 2) else up(x) if layer in (4, 5) else x

    def forward(self, frame, carried):
        states, m, below = carried
        h = self.embed["conv_embed"](frame)
        outputs, following, resampled = [], [], [None]
        for layer, (cell, state) in enumerate(zip(self.layers, states)):
            if layer > 0:
                h, m = self.resampled(h, layer), self.resampled(m, layer)
                resampled.append(h)
            if self.multi_scale and layer in (4, 5):
                h = h + outputs[5 - layer]
            h, state, m = cell(h, state, m, below[layer])
            outputs.append(h)
            following.append(state)
        return self.fc["conv_fc"](h), (following, m, resampled)

    @torch.no_grad()
    def forecast(self, context, horizon):
        """From a list of frames [batch, channels, height, width] the next ones, each from the prediction before."""
        batch, _, height, width = context[0].shape
        for layer in self.layers:
            layer.begin()
        carried = self.zero_state(batch, height, width)
        predictions = []
        for t in range(len(context) + horizon - 1):
            prediction, carried = self(context[t] if t < len(context) else predictions[-1], carried)
            if t >= len(context) - 1:
                predictions.append(prediction)
        return predictions


class Training:
    """A network with its clip, its mask and its optimiser; `step` trains once."""

    def __init__(self, task, layout, joined, precision):
        self.precision = precision
        self.memory = {"nchw": torch.contiguous_format, "channelsLast": torch.channels_last}[layout]
        given = weights.read(task["clip"])
        # [batch, time, height, width, channels] -> a list over time of [batch, channels, height, width]
        clip = given["clip"].permute(1, 0, 4, 2, 3)
        self.frames = [frame.contiguous(memory_format=self.memory) for frame in clip]
        # [batch, time - 2]: 1 where the true frame is seen, 0 where the last prediction is
        self.mask = given["mask"][:, :, None, None, None]
        self.mse, self.mae = task["mse"], task["mae"]
        channels = self.frames[0].shape[1]
        self.network = Network(task["model"], task["filters"], task["kernelSize"], channels, joined)
        self.network.load(task["weights"])
        self.network.to(memory_format=self.memory)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=task["learningRate"], eps=1e-8)

    def laid_out(self, states):
        """All tensors in the memory format."""
        if isinstance(states, (list, tuple)):
            return type(states)(self.laid_out(state) for state in states)
        return states if states is None else states.to(memory_format=self.memory)

    def loss(self):
        batch, _, height, width = self.frames[0].shape
        for layer in self.network.layers:
            layer.begin()
        carried = self.laid_out(self.network.zero_state(batch, height, width))
        predictions = []
        frame = self.frames[0]
        for t in range(len(self.frames) - 1):
            if t > 0:
                sees = self.mask[:, t - 1]
                frame = sees * self.frames[t] + (1 - sees) * predictions[-1]
            prediction, carried = self.network(frame, carried)
            predictions.append(prediction)
        error = torch.stack(predictions) - torch.stack(self.frames[1:])
        total = 0
        if self.mse != 0:
            total = total + self.mse * error.square().sum()
        if self.mae != 0:
            total = total + self.mae * error.abs().sum()
        return total / (batch * len(predictions))

    def step(self):
        started = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            loss = self.loss()
        loss.backward()
        self.optimizer.step()
        value = loss.item()
        return {"seconds": time.perf_counter() - started, "loss": value}
