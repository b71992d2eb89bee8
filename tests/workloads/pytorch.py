#!/usr/bin/env python3
"""What PyTorch computes for the workloads of benches/workloads/models, from the same weights and data.

usage: python tests/workloads/pytorch.py > tests/workloads/expected.json     (needs torch and numpy; two minutes)

Each workload makes three updates; printed are the four losses on the way and, at the start and after the third update, of each
parameter's gradient the Euclidean norm and the product with the vector -5, -4, .. 5, -5, ..; all in f64. `f32` is how far PyTorch's own
f32 is from that in losses, first and last gradients, as the test measures it. Starting weights and data are drawn as in
benches/workloads/models/random.rs: keep the two alike.
"""
import json
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

# The sizes of the benches, but smaller batches for the deeper networks: the tests run in builds that are hardly optimised.
SIZES = dict(scalar_chain=1000, xor_mlp=4, hvp=32, mlp=128, mlp_adam=128, elementwise_f32=1_000_000, elementwise_f64=1_000_000,
             simple_conv=100, deep_conv=50, resnet20=16, resnet18=3)


class Random:
    """splitmix64: the k-th number is a hash of seed + k * constant."""
    def __init__(self, seed):
        self.seed, self.drawn = np.uint64(seed), 0

    def bits(self, n):
        k = np.arange(self.drawn + 1, self.drawn + n + 1, dtype=np.uint64)
        self.drawn += n
        z = self.seed + k * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

    def unit(self, n):
        return ((self.bits(n) >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53

    def tensor(self, values, shape):
        return torch.from_numpy(values).to(torch.get_default_dtype()).reshape(shape)

    def normal(self, *shape):
        u = self.unit(2 * int(np.prod(shape)))
        return self.tensor(np.sqrt(-2.0 * np.log(u[0::2])) * np.cos(2.0 * np.pi * u[1::2]), shape)

    def classes(self, n):
        return torch.from_numpy((self.bits(n) % np.uint64(10)).astype(np.int64))

    def start(self, model):
        """Draws weights and biases of fully connected layers and convolutions in the order in which the model lists them."""
        for m in model.modules():
            if isinstance(m, (nn.Linear, nn.Conv2d)):
                bound = 1.0 / np.sqrt(m.weight[0].numel())
                for p in m.parameters():
                    p.data = self.tensor(bound * (2.0 * self.unit(p.numel()) - 1.0), p.shape)
        return model


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        short = stride != 1 or i != o
        self.short = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if short else nn.Identity()

    def forward(self, x):
        y = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(y)) + self.short(x))


def resnet(widths, depth):
    layers, i = [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()], widths[0]
    for k, o in enumerate(widths):
        for b in range(depth):
            layers.append(Block(i, o, 2 if k > 0 and b == 0 else 1))
            i = o
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(i, 10))


def simple_conv():
    head = [nn.Linear(30 * 12 * 12, 100), nn.ReLU(), nn.Linear(100, 10)]
    return nn.Sequential(nn.Conv2d(1, 30, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), *head)


def deep_conv():
    conv = lambda i, o, pad=1: [nn.Conv2d(i, o, 3, padding=pad), nn.ReLU()]
    body = conv(1, 16) + conv(16, 16) + [nn.MaxPool2d(2)] + conv(16, 32) + conv(32, 32, 2) + [nn.MaxPool2d(2)]
    body += conv(32, 64) + conv(64, 64) + [nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*body, nn.Linear(64 * 4 * 4, 50), nn.ReLU(), nn.Linear(50, 10))


def dense(*sizes, activation=nn.ReLU):
    pairs = [[nn.Linear(i, o), activation()] for i, o in zip(sizes, sizes[1:])]
    return nn.Sequential(*[layer for pair in pairs for layer in pair][:-1])


def classifier(seed, model, *shape):
    r = Random(seed)
    r.start(model)
    x = r.normal(*shape)
    t = r.classes(shape[0])
    return list(model.parameters()), lambda: F.cross_entropy(model(x), t)


def scalar_chain(n):
    x = torch.tensor(0.5, requires_grad=True)

    def loss():
        y = x
        for _ in range(n):
            y = torch.tanh(y * x + x)
        return y
    return [x], loss


def xor_mlp(n):
    model = Random(1).start(dense(2, 8, 1, activation=nn.Tanh))
    x = torch.tensor([[float(i // 2 % 2), float(i % 2)] for i in range(n)])
    t = (x.sum(1, keepdim=True) % 2)
    return list(model.parameters()), lambda: F.binary_cross_entropy_with_logits(model(x), t)


def hvp(n):
    r = Random(2)
    model = r.start(dense(64, 64, 10, activation=nn.Tanh))
    ps = list(model.parameters())
    vs = [r.normal(*p.shape) for p in ps]
    x = r.normal(n, 64)
    t = r.classes(n)

    def loss():
        gs = torch.autograd.grad(F.cross_entropy(model(x), t), ps, create_graph=True)
        return sum((g * v).sum() for g, v in zip(gs, vs))
    return ps, loss


def elementwise(n):
    x = Random(4).normal(n).requires_grad_()
    return [x], lambda: (torch.sigmoid(x) * torch.tanh(x) + torch.exp(-x * x)).sum()


WORKLOADS = dict(
    scalar_chain=scalar_chain, xor_mlp=xor_mlp, hvp=hvp, elementwise_f32=elementwise, elementwise_f64=elementwise,
    mlp=lambda n: classifier(3, dense(784, 256, 128, 10), n, 784),
    mlp_adam=lambda n: classifier(3, dense(784, 256, 128, 10), n, 784),
    simple_conv=lambda n: classifier(5, simple_conv(), n, 1, 28, 28),
    deep_conv=lambda n: classifier(5, deep_conv(), n, 1, 28, 28),
    resnet20=lambda n: classifier(5, resnet([16, 32, 64], 3), n, 3, 32, 32),
    resnet18=lambda n: classifier(5, resnet([64, 128, 256, 512], 2), n, 3, 32, 32),
)
RATES = dict(scalar_chain=0, hvp=0, elementwise_f32=0, elementwise_f64=0)  # no update: a value and its gradient


def run(name, dtype):
    torch.set_default_dtype(dtype)
    params, loss = WORKLOADS[name](SIZES[name])
    adam = name == "mlp_adam"
    optimizer = torch.optim.Adam(params, lr=1e-3) if adam else torch.optim.SGD(params, lr=RATES.get(name, 0.01))
    losses, gradients = [], []
    for step in range(4):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        losses.append(value.item())
        gradients.append([summary(p.grad.double().reshape(-1)) for p in params])
        optimizer.step()
    return dict(losses=losses, first=gradients[0], last=gradients[3])


def summary(g):
    return [g.norm().item(), (g @ (torch.arange(g.numel()) % 11 - 5).double()).item()]


def differences(a, exact):
    """The largest relative difference of losses, and of norms and products (to which norm * sqrt(10) is what chance gives)."""
    gradient = lambda x, y: max(abs(x[0] - y[0]), abs(x[1] - y[1]) / 10**0.5) / y[0]
    losses = max(abs(x - y) / abs(y) for x, y in zip(a["losses"], exact["losses"]))
    first, last = (max(map(gradient, a[which], exact[which])) for which in ("first", "last"))
    return [float(f"{d:.1e}") for d in (losses, first, last)]


lines = []
for name in WORKLOADS:
    exact = run(name, torch.float64)
    text = dict(size=SIZES[name], f32=differences(run(name, torch.float32), exact), **exact)
    lines.append(f"  {json.dumps(name)}: {json.dumps(text)}")
print("{\n" + ",\n".join(lines) + "\n}")
