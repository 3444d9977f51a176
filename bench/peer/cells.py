"""Recurrent cells in PyTorch, as one would write them there. Weights carry the names of the published code.

A cell takes x, its state, the memory m that passes through all layers (None where it has none) and `below`, what the layer below
put out a time step ago; it gives h, its state and m.
"""

import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, kernel_size):
    return nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2)


class Cell(nn.Module):
    """With `joined` convolutions that are added up are computed as one, whose kernel is made once a training step."""

    remembers = False
    reads_below = False

    def __init__(self, filters, joined):
        super().__init__()
        self.filters, self.joined = filters, joined

    def begin(self):
        """At the start of a training step."""
        self.kernels = {}

    def added(self, *pairs):
        """The sum of convolutions, each given by its name and its input."""
        if not self.joined:
            return sum(getattr(self, name)(x) for name, x in pairs)
        names = tuple(name for name, _ in pairs)
        if names not in self.kernels:
            parts = [getattr(self, name) for name in names]
            self.kernels[names] = torch.cat([part.weight for part in parts], 1), sum(part.bias for part in parts)
        kernel, bias = self.kernels[names]
        return F.conv2d(torch.cat([x for _, x in pairs], 1), kernel, bias, padding=kernel.shape[2] // 2)

    def zeros(self, batch, height, width):
        return torch.zeros(batch, self.filters, height, width)


def update(i, f, g, c):
    return torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)


class ConvLstm(Cell):
    def __init__(self, filters, kernel_size, joined, layer, layers):
        super().__init__(filters, joined)
        self._conv_x2h = conv(filters, 4 * filters, kernel_size)
        self._conv_h2h = conv(filters, 4 * filters, kernel_size)

    def zero_state(self, *size):
        return self.zeros(*size), self.zeros(*size)

    def forward(self, x, state, m, below):
        h, c = state
        i, f, g, o = self.added(("_conv_x2h", x), ("_conv_h2h", h)).chunk(4, 1)
        c = update(i, f, g, c)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c), m


def warp(a, flow):
    """Reads a at each pixel's place plus the flow, as the published code does: scaled by W/(W-1), and half a pixel off."""
    _, _, height, width = a.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack((x, y)).to(a) + flow
    across = 2 * grid[:, 0] / max(width - 1, 1) - 1
    down = 2 * grid[:, 1] / max(height - 1, 1) - 1
    return F.grid_sample(a, torch.stack((across, down), 3), align_corners=False)


class TrajGru(Cell):
    LINKS = 10

    def __init__(self, filters, kernel_size, joined, layer, layers):
        super().__init__(filters, joined)
        self._conv_x2h = conv(filters, 3 * filters, kernel_size)
        self._conv_x2f = conv(filters, filters, kernel_size)
        self._conv_h2f = conv(filters, filters, kernel_size)
        self._conv_flow = conv(filters, 2 * self.LINKS, kernel_size)
        self.project = conv(self.LINKS * filters, 3 * filters, 1)

    def zero_state(self, *size):
        return (self.zeros(*size),)

    def forward(self, x, state, m, below):
        (h,) = state
        query = F.leaky_relu(self.added(("_conv_x2f", x), ("_conv_h2f", h)), 0.2)
        flows = self._conv_flow(query)
        read = [warp(h, -flows[:, 2 * j : 2 * j + 2]) for j in range(self.LINKS)]
        zh, rh, nh = self.project(torch.cat(read, 1)).chunk(3, 1)
        zx, rx, nx = self._conv_x2h(x).chunk(3, 1)
        z, r = torch.sigmoid(zx + zh), torch.sigmoid(rx + rh)
        h = (1 - z) * F.leaky_relu(nx + r * nh, 0.2) + z * h
        return h, (h,), m


class PredRnn(Cell):
    remembers = True

    def __init__(self, filters, kernel_size, joined, layer, layers):
        super().__init__(filters, joined)
        self._conv_x2h = conv(filters, 4 * filters, kernel_size)
        self._conv_h2h = conv(filters, 4 * filters, kernel_size)
        self._conv_x2h_m = conv(filters, 3 * filters, kernel_size)
        self._conv_m2h_m = conv(filters, 3 * filters, kernel_size)
        self._conv_c2o = conv(filters, filters, kernel_size)
        self._conv_m2o = conv(filters, filters, kernel_size)
        self._conv_c_m = conv(2 * filters, filters, 1)

    def zero_state(self, *size):
        return self.zeros(*size), self.zeros(*size)

    def parts(self, x, h, c, m, kept=None):
        """c', m', the output gate and what it gates; `kept` stands for σ(f)⊙c."""
        i, f, g, o = self.added(("_conv_x2h", x), ("_conv_h2h", h)).chunk(4, 1)
        c = update(i, f, g, c) if kept is None else kept + torch.sigmoid(i) * torch.tanh(g)
        i, f, g = self.added(("_conv_x2h_m", x), ("_conv_m2h_m", m)).chunk(3, 1)
        m = update(i, f, g, m)
        o = torch.sigmoid(o + self.added(("_conv_c2o", c), ("_conv_m2o", m)))
        return c, m, o, torch.tanh(self._conv_c_m(torch.cat((c, m), 1)))

    def forward(self, x, state, m, below):
        c, m, o, u = self.parts(x, *state, m)
        h = o * u
        return h, (h, c), m


class PredRnnPlusPlus(Cell):
    remembers = True

    def __init__(self, filters, kernel_size, joined, layer, layers):
        super().__init__(filters, joined)
        self.travels = layer == 1
        self._conv_x_h_c = conv(3 * filters, 3 * filters, kernel_size)
        self._conv_x_c_m = conv(3 * filters, 3 * filters, kernel_size)
        self._conv_m = conv(filters, filters, 1)
        self._conv_o = conv(3 * filters, filters, kernel_size)
        self._conv_c_m = conv(2 * filters, filters, 1)
        if self.travels:
            self._conv_x = conv(filters, 2 * filters, kernel_size)
            self._conv_z = conv(filters, 2 * filters, kernel_size)

    def zero_state(self, *size):
        return tuple(self.zeros(*size) for _ in range(3 if self.travels else 2))

    def forward(self, x, state, m, below):
        h, c, *rest = state
        if self.travels:
            p, s = self.added(("_conv_x", x), ("_conv_z", rest[0])).chunk(2, 1)
            s = torch.sigmoid(s)
            x = s * torch.tanh(p) + (1 - s) * rest[0]
            rest = [x]
        i, f, g = self._conv_x_h_c(torch.cat((x, h, c), 1)).chunk(3, 1)
        c = update(i, f, g, c)
        i, f, g = self._conv_x_c_m(torch.cat((x, c, m), 1)).chunk(3, 1)
        m = update(i, f, g, torch.tanh(self._conv_m(m)))
        o = torch.tanh(self._conv_o(torch.cat((x, c, m), 1)))
        h = o * torch.tanh(self._conv_c_m(torch.cat((c, m), 1)))
        return h, (h, c, *rest), m


class Mim(PredRnn):
    reads_below = True

    def __init__(self, filters, kernel_size, joined, layer, layers):
        super().__init__(filters, kernel_size, joined, layer, layers)
        self.memories = layer > 0
        if self.memories:
            self._conv_x2h_n = conv(filters, 3 * filters, kernel_size)
            self._conv_n2h_n = conv(filters, 3 * filters, kernel_size)
            self._conv_diff2o = conv(filters, filters, kernel_size)
            self._conv_n2o = conv(filters, filters, kernel_size)
            self._conv_x2h_s = conv(filters, 4 * filters, kernel_size)
            self._conv_c2h_s = conv(filters, 4 * filters, kernel_size)
            self._conv_s2o = conv(filters, filters, kernel_size)

    def zero_state(self, *size):
        return tuple(self.zeros(*size) for _ in range(4 if self.memories else 2))

    def mim(self, x, state, m, below):
        h, c, *rest = state
        if not self.memories:
            return *self.parts(x, h, c, m), ()
        n, s = rest
        d = x - below
        i, f, g = self.added(("_conv_x2h_n", d), ("_conv_n2h_n", n)).chunk(3, 1)
        n = update(i, f, g, n)
        d = torch.sigmoid(self.added(("_conv_diff2o", d), ("_conv_n2o", n))) * torch.tanh(n)
        i, f, g, o = self.added(("_conv_x2h_s", d), ("_conv_c2h_s", c)).chunk(4, 1)
        s = update(i, f, g, s)
        kept = torch.sigmoid(o + self._conv_s2o(s)) * torch.tanh(s)
        return *self.parts(x, h, c, m, kept), (n, s)

    def forward(self, x, state, m, below):
        c, m, o, u, memories = self.mim(x, state, m, below)
        h = o * u
        return h, (h, c, *memories), m


class MotionRnn(Mim):
    MOTIONS = 9

    def __init__(self, filters, kernel_size, joined, layer, layers):
        super().__init__(filters, kernel_size, joined, layer, layers)
        self.moves = layer < layers - 1
        if self.moves:
            quarter, flows = filters // 4, 2 * self.MOTIONS
            self._conv_enc = nn.Conv2d(filters, quarter, 2, stride=2)
            self._conv_u = conv(quarter + flows, flows, 1)
            self._conv_r = conv(quarter + flows, flows, 1)
            self._conv_z = conv(quarter + flows, flows, 1)
            self._conv_hm = conv(quarter, self.MOTIONS, 1)
            self._conv_dec = conv(self.MOTIONS * quarter, quarter, 1)
            self._deconv_dec = nn.ConvTranspose2d(quarter, filters, 4, stride=2, padding=1)
            self._conv_g = conv(2 * filters, filters, 1)

    def zero_state(self, batch, height, width):
        states = super().zero_state(batch, height, width)
        if not self.moves:
            return states
        return *states, *(torch.zeros(batch, 2 * self.MOTIONS, height // 2, width // 2) for _ in range(2))

    def forward(self, x, state, m, below):
        if not self.moves:
            return super().forward(x, state, m, below)
        *state, motion, trend = state
        c, m, o, u, memories = self.mim(x, state, m, below)
        h = o * u
        e = self._conv_enc(h)
        both = torch.cat((e, motion), 1)
        u, r = torch.sigmoid(self._conv_u(both)), torch.sigmoid(self._conv_r(both))
        z = torch.tanh(self._conv_z(torch.cat((e, r * motion), 1)))
        trend = trend + 0.5 * (motion - trend)
        motion = u * z + (1 - u) * motion + trend
        weight = torch.sigmoid(self._conv_hm(e))
        moved = [
            weight[:, j : j + 1] * warp(e, motion[:, 2 * j : 2 * j + 2]) for j in range(self.MOTIONS)
        ]
        # The published code reads the memory of [batch, channels, height, width, motions] as that of joined maps.
        batch, quarter, height, width = e.shape
        moved = torch.stack(moved, 4).contiguous().view(batch, quarter * self.MOTIONS, height, width)
        a = self._deconv_dec(self._conv_dec(moved))
        b = torch.sigmoid(self._conv_g(torch.cat((a, h), 1)))
        h = b * h + (1 - b) * a + (1 - o) * x
        return h, (h, c, *memories, motion, trend), m


CELLS = {
    "ConvLSTM": ConvLstm,
    "TrajGRU": TrajGru,
    "PredRNN": PredRnn,
    "PredRNN++": PredRnnPlusPlus,
    "MIM": Mim,
    "MotionRNN": MotionRnn,
}
