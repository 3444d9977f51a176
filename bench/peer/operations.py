"""Single operations in PyTorch: what a user would write for each operation of src/bench/operations.

Each builder takes an operation's description (shapes in tfjs's order) and a memory format, and returns its passes as functions
without arguments: forward, inputGradient and weightGradient (each alone), together (forward and backward by autograd).
"""

import torch
from torch.nn import functional as F

FORMATS = {"nchw": torch.contiguous_format, "channelsLast": torch.channels_last}


def uniform(*shape):
    return 2 * torch.rand(*shape) - 1


def maps(shape, memory):
    """Feature maps; `shape` is [batch, height, width, channels]."""
    batch, height, width, channels = shape
    return uniform(batch, channels, height, width).contiguous(memory_format=memory)


def differentiable(function, inputs):
    """Passes of a function that returns a tuple. In `together` several outputs are added up, as on our side."""
    leaves = [value.detach().requires_grad_() for value in inputs]
    kept = function(*leaves)
    slopes = [torch.rand_like(output) for output in kept]

    def forward():
        with torch.no_grad():
            return function(*inputs)

    def gradient():
        return torch.autograd.grad(kept, leaves, slopes, retain_graph=True)

    def together():
        first, *others = function(*leaves)
        for other in others:
            first = first + other
        return torch.autograd.grad(first, leaves, slopes[0])

    return {"forward": forward, "inputGradient": gradient, "together": together}


def of_maps(function):
    """A builder for a function of the operation's feature maps."""

    def build(operation, memory):
        inputs = [maps(shape, memory) for shape in operation["inputs"]]
        return differentiable(lambda *values: function(operation, *values), inputs)

    return build


def convolution(operation, memory):
    transposed, stride, padding = operation["transposed"], operation["stride"], operation["padding"]
    x = maps(operation["inputs"][0], memory)
    # [kernel, kernel, in, out], and [kernel, kernel, out, in] for a transposed one
    height, width, second, first = operation["kernel"]
    kernel = uniform(first, second, height, width).contiguous(memory_format=memory)
    bias = uniform(first) if operation["bias"] else None
    apply = F.conv_transpose2d if transposed else F.conv2d
    tensors = [x, kernel] if bias is None else [x, kernel, bias]
    whole = differentiable(lambda *values: (apply(*values, stride=stride, padding=padding),), tensors)
    slope = torch.rand_like(apply(*tensors, stride=stride, padding=padding))

    def gradient(*wanted):
        geometry = [[stride] * 2, [padding] * 2, [1, 1], transposed, [0, 0], 1]
        sizes = None if bias is None else [first]
        return lambda: torch.ops.aten.convolution_backward(slope, x, kernel, sizes, *geometry, wanted)

    return {
        "forward": whole["forward"],
        "inputGradient": gradient(True, False, False),
        "weightGradient": gradient(False, True, bias is not None),
        "together": whole["together"],
    }


def mat_mul(operation, _):
    a, b = (uniform(*shape) for shape in operation["inputs"])
    whole = differentiable(lambda a, b: (a @ b,), [a, b])
    slope = uniform(a.shape[0], b.shape[1])
    return {
        "forward": whole["forward"],
        "inputGradient": lambda: slope @ b.T,
        "weightGradient": lambda: a.T @ slope,
        "together": whole["together"],
    }


def lstm_gates(_, z, c):
    i, f, g, o = z.chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def memory_gates(_, z, m):
    i, f, g = z.chunk(3, 1)
    return (torch.sigmoid(f) * m + torch.sigmoid(i) * torch.tanh(g),)


def gru_gates(_, zx, zh, h):
    xz, xr, xn = zx.chunk(3, 1)
    hz, hr, hn = zh.chunk(3, 1)
    z, r = torch.sigmoid(xz + hz), torch.sigmoid(xr + hr)
    n = F.leaky_relu(xn + r * hn, 0.2)
    return ((1 - z) * n + z * h,)


def output_gate(_, o, a):
    return (torch.sigmoid(o) * torch.tanh(a),)


def highway(_, ps, z):
    p, s = ps.chunk(2, 1)
    s = torch.sigmoid(s)
    return (s * torch.tanh(p) + (1 - s) * z,)


def warp(_, a, flow):
    """The published code's warp of `a` by each link's flow (u, v), minus signs as in TrajGRU; links joined as channels."""
    height, width = a.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([columns, rows]).to(a.dtype)
    sides = torch.tensor([max(width - 1, 1), max(height - 1, 1)], dtype=a.dtype).reshape(2, 1, 1)
    warped = []
    for link in range(flow.shape[1] // 2):
        place = 2 * (pixels - flow[:, 2 * link : 2 * link + 2]) / sides - 1
        warped.append(F.grid_sample(a, place.permute(0, 2, 3, 1), align_corners=False))
    return (torch.cat(warped, 1),)


def bias_gradient(operation, memory):
    slope = maps(operation["inputs"][0], memory)
    return {"forward": lambda: slope.sum((0, 2, 3))}


def adam(operation, _):
    weight = uniform(*operation["inputs"][0]).requires_grad_()
    weight.grad = uniform(*weight.shape)
    return {"forward": torch.optim.Adam([weight], lr=3e-4, eps=1e-8).step}


BUILDERS = {
    "convolution": convolution,
    "matMul": mat_mul,
    "maxPool": of_maps(lambda operation, x: (F.max_pool2d(x, operation["factor"]),)),
    "upsample": of_maps(
        lambda operation, x: (
            F.interpolate(x, scale_factor=operation["factor"], mode="bilinear", align_corners=False),
        )
    ),
    "warp": of_maps(warp),
    "concat": of_maps(lambda _, a, b: (torch.cat([a, b], 1),)),
    "add": of_maps(lambda _, a, b: (a + b,)),
    "sigmoid": of_maps(lambda _, x: (torch.sigmoid(x),)),
    "tanh": of_maps(lambda _, x: (torch.tanh(x),)),
    "biasGradient": bias_gradient,
    "lstmGates": of_maps(lstm_gates),
    "memoryGates": of_maps(memory_gates),
    "gruGates": of_maps(gru_gates),
    "outputGate": of_maps(output_gate),
    "highway": of_maps(highway),
    "adam": adam,
}
# Where the memory format changes nothing.
WITHOUT_FORMAT = ("matMul", "adam")


def layouts(operation):
    """Passes of an operation by layout."""
    kind = operation["kind"]
    names = ["nchw"] if kind in WITHOUT_FORMAT else list(FORMATS)
    return {name: BUILDERS[kind](operation, FORMATS[name]) for name in names}
