#!/usr/bin/env python3
"""The parts of a detector beside torchvision's, in milliseconds, as a Markdown table.

usage: python benches/detection.py [--rounds 3] [--seconds 2] [--threads 2] [--ours CMD]       (in the project's folder; needs torchvision)

CMD is `cargo bench -q --bench detection -- --json` by default. The two run in turn; each figure is the least of the rounds.
"""
import argparse, json, os, shlex, subprocess, time
import torch
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, nms, roi_align
from torchvision.ops.misc import Conv2dNormActivation

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
    if case == "step":
        return step([int(s) for s in size.split(",")])
    shape, n = size.split(";")
    shape, n = [int(s) for s in shape.split(",")], int(n)
    x = torch.randn(shape, requires_grad=True)
    rois = torch.cat([(torch.arange(n) % shape[0])[:, None].float(), boxes(n)], 1)
    g = torch.randn(n, shape[1], 7, 7)

    def align():
        x.grad = None
        roi_align(x, rois, 7, shape[2] / 800, 2).backward(g)

    return align


class Body(torch.nn.Module):
    """The backbone of the example: maps of strides 4 and 8, joined by a pyramid."""

    out_channels = 48

    def __init__(self):
        super().__init__()
        sizes = [(3, 16, 2), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
        conv = lambda a, b, s: Conv2dNormActivation(a, b, stride=s)
        self.body = torch.nn.ModuleList([conv(*s) for s in sizes])
        self.fpn = FeaturePyramidNetwork([32, 64], 48)

    def forward(self, x):
        maps = {}
        for i, layer in enumerate(self.body):
            x = layer(x)
            if i in (2, 4):
                maps[str(len(maps))] = x
        return self.fpn(maps)


def step(shape):
    n, _, size, _ = shape
    model = FasterRCNN(
        Body(), min_size=size, max_size=size, rpn_anchor_generator=AnchorGenerator(((12, 18), (27, 40)), ((0.5, 1.0, 2.0),) * 2),
        box_roi_pool=MultiScaleRoIAlign(["0", "1"], 7, 2), box_head=TwoMLPHead(48 * 49, 128), box_predictor=FastRCNNPredictor(128, 5),
        rpn_batch_size_per_image=128, rpn_pre_nms_top_n_train=400, rpn_post_nms_top_n_train=150, box_batch_size_per_image=64)
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    images = [torch.rand(3, size, size) for _ in range(n)]
    targets = [{"boxes": boxes(4, size), "labels": torch.arange(1, 5)} for _ in range(n)]

    def train():
        optimizer.zero_grad()
        sum(model(images, targets).values()).backward()
        optimizer.step()

    return train


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
