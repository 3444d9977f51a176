"""Whole training steps in PyTorch, written as one would write them there: eager, one step of time after another.

What is computed is what `ms-rnn bench step` computes: embed, six recurrent layers, head, unrolled over a clip with a sampling
mask, the loss of MS-RNN, Adam. Weights carry the names of the published code.
"""

import time

import torch
from torch import nn
from torch.nn import functional as F

import weights


class ConvLstm(nn.Module):
    """i, f, g, o = split(Wx*x + bx + Wh*h + bh);  c' = σ(f)⊙c + σ(i)⊙tanh(g);  h' = σ(o)⊙tanh(c')"""

    def __init__(self, filters, kernel_size, joined):
        super().__init__()
        self.filters, self.joined = filters, joined
        self._conv_x2h = nn.Conv2d(filters, 4 * filters, kernel_size, padding=kernel_size // 2)
        self._conv_h2h = nn.Conv2d(filters, 4 * filters, kernel_size, padding=kernel_size // 2)

    def begin(self):
        """At the start of a training step: with `joined`, x and h go through one convolution, whose kernel is made once."""
        if self.joined:
            self.kernel = torch.cat((self._conv_x2h.weight, self._conv_h2h.weight), 1)
            self.bias = self._conv_x2h.bias + self._conv_h2h.bias

    def products(self, x, h):
        if not self.joined:
            return self._conv_x2h(x) + self._conv_h2h(h)
        return F.conv2d(torch.cat((x, h), 1), self.kernel, self.bias, padding=self.kernel.shape[2] // 2)

    def zero_state(self, batch, height, width):
        return (torch.zeros(batch, self.filters, height, width), torch.zeros(batch, self.filters, height, width))

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.products(x, h).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)


CELLS = {"ConvLSTM": ConvLstm}
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
        self.embed = nn.Conv2d(channels, filters, 1)
        self.layers = nn.ModuleList(cell(filters, kernel_size, joined) for _ in self.scale)
        self.head = nn.Conv2d(filters, channels, 1)

    def load(self, path):
        renamed = {}
        for name, tensor in weights.read(path).items():
            name = name.replace("embed.conv_embed.", "embed.").replace("fc.conv_fc.", "head.")
            renamed[name.replace("rnns.lstm.", "layers.")] = tensor
        self.load_state_dict(renamed)

    def zero_state(self, batch, height, width):
        return [cell.zero_state(batch, height // s, width // s) for cell, s in zip(self.layers, self.scale)]

    def forward(self, frame, states):
        h = self.embed(frame)
        outputs, following = [], []
        for layer, (cell, state) in enumerate(zip(self.layers, states)):
            if self.multi_scale and layer in (1, 2):
                h = down(h)
            if self.multi_scale and layer in (4, 5):
                h = up(h) + outputs[5 - layer]
            h, state = cell(h, state)
            outputs.append(h)
            following.append(state)
        return self.head(h), following


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

    def loss(self):
        batch, _, height, width = self.frames[0].shape
        for layer in self.network.layers:
            layer.begin()
        states = self.network.zero_state(batch, height, width)
        states = [tuple(part.to(memory_format=self.memory) for part in state) for state in states]
        predictions = []
        frame = self.frames[0]
        for t in range(len(self.frames) - 1):
            if t > 0:
                sees = self.mask[:, t - 1]
                frame = sees * self.frames[t] + (1 - sees) * predictions[-1]
            prediction, states = self.network(frame, states)
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
