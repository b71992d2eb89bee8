#!/usr/bin/env python3
"""The parts of a detector beside torchvision's, in milliseconds, as a Markdown table.

usage: python benches/detection.py [--rounds 3] [--seconds 2] [--threads 2] [--ours CMD]       (in the project's folder; needs torchvision)

CMD is `cargo bench -q --bench detection -- --json` by default. The two run in turn; each figure is the least of the rounds.
"""
import argparse, json, os, shlex, subprocess, time
import torch
from torchvision.ops import nms, roi_align

ap = argparse.ArgumentParser()
ap.add_argument("--rounds", type=int, default=3)
ap.add_argument("--seconds", type=float, default=2)
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--ours", default="cargo bench -q --bench detection -- --json")
a = ap.parse_args()
torch.set_num_threads(a.threads)
best = {}


def boxes(n, image=800.0):
    center, half = torch.rand(n, 2) * image, torch.rand(n, 2) * image / 6 + 2
    return torch.cat([center - half, center + half], 1).clamp(0, image)


def theirs(case, size):
    """A function that does it once."""
    torch.manual_seed(1)
    if case == "nms":
        b, s = boxes(int(size)), torch.rand(int(size))
        return lambda: nms(b, s, 0.7)
    shape, n = size.split(";")
    shape, n = [int(s) for s in shape.split(",")], int(n)
    x = torch.randn(shape, requires_grad=True)
    rois = torch.cat([(torch.arange(n) % shape[0])[:, None].float(), boxes(n)], 1)
    g = torch.randn(n, shape[1], 7, 7)

    def step():
        x.grad = None
        roi_align(x, rois, 7, shape[2] / 800, 2).backward(g)

    return step


def least(f):
    times, start = [], time.perf_counter()
    while not times or time.perf_counter() - start < a.seconds:
        before = time.perf_counter()
        f()
        times.append(time.perf_counter() - before)
    return min(times) * 1e3


def keep(line, who, ms):
    key = (line["case"], line["size"], who)
    best[key] = min(best.get(key, 1e9), ms)


for _ in range(a.rounds):
    command = shlex.split(a.ours) + ["--seconds", str(a.seconds)]
    out = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "RAYON_NUM_THREADS": str(a.threads)})
    ours = [json.loads(l) for l in out.stdout.splitlines()]
    for line in ours:
        keep(line, "ours", line["ms"])
        keep(line, "theirs", least(theirs(line["case"], line["size"])))

print(f"| what | size | wengert, ms | torchvision {__import__('torchvision').__version__}, ms | times as fast |\n|---|---|---|---|---|")
for case, size in dict.fromkeys(k[:2] for k in best):
    us, them = best[case, size, "ours"], best[case, size, "theirs"]
    print(f"| {case} | {size} | {us:.2f} | {them:.2f} | {them / us:.1f} |")
