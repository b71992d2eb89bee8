#!/usr/bin/env python3
"""A training step of SegNet-Basic beside PyTorch's, in seconds, as a Markdown table.

usage: python benches/segnet.py [--rounds 3] [--threads 2] [--ours CMD]       (in the project's folder; needs torch)

CMD is `cargo bench -q --bench segnet -- --json` by default. The two run in turn; each figure is the least of the rounds.
"""
import argparse, json, os, shlex, subprocess, time
import torch
from torch import nn

ap = argparse.ArgumentParser()
ap.add_argument("--rounds", type=int, default=3)
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--ours", default="cargo bench -q --bench segnet -- --json")
a = ap.parse_args()
torch.set_num_threads(a.threads)
CLASSES = 11


class SegNetBasic(nn.Module):
    def __init__(self):
        super().__init__()
        block = lambda n: nn.Sequential(nn.Conv2d(n, 64, 7, padding=3, bias=False), nn.BatchNorm2d(64))
        self.encoder = nn.ModuleList(block(n) for n in [3, 64, 64, 64])
        self.decoder = nn.ModuleList(block(64) for _ in range(4))
        self.classifier = nn.Conv2d(64, CLASSES, 1)

    def forward(self, x):
        pools = []
        for layer in self.encoder:
            x = layer(x).relu()
            size = x.shape
            x, indices = nn.functional.max_pool2d(x, 2, return_indices=True)
            pools.append((indices, size))
        for layer, (indices, size) in zip(self.decoder, reversed(pools)):
            x = layer(nn.functional.max_unpool2d(x, indices, 2, output_size=size[2:]))
        return self.classifier(x)


def step_time(size, steps=8):
    batch, height, width = size
    torch.manual_seed(1)
    net = SegNetBasic()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x = torch.rand(batch, 3, height, width) - 0.5
    labels = (torch.arange(batch * height * width) // 16 % CLASSES).reshape(batch, height, width)
    weight, least = torch.ones(CLASSES), 1e9
    for _ in range(steps):
        before = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), labels, weight).backward()
        optimizer.step()
        least = min(least, time.perf_counter() - before)
    return least


best = {}
for _ in range(a.rounds):
    env = {**os.environ, "RAYON_NUM_THREADS": str(a.threads)}
    out = subprocess.run(shlex.split(a.ours), check=True, capture_output=True, text=True, env=env)
    for line in map(json.loads, out.stdout.splitlines()):
        size = tuple(line["size"])
        for who, seconds in [("ours", line["seconds"]), ("torch", step_time(size))]:
            best[size, who] = min(best.get((size, who), 1e9), seconds)

print("| batch, height, width | this crate | PyTorch | times as fast |\n|---|---|---|---|")
for size in dict.fromkeys(size for size, _ in best):
    ours, torch_ = best[size, "ours"], best[size, "torch"]
    print(f"| {', '.join(map(str, size))} | {ours:.3f} s | {torch_:.3f} s | {torch_ / ours:.2f} |")
