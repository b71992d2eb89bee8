#!/usr/bin/env python3
"""Matrix products of this crate beside PyTorch's, in GFLOP/s, as a Markdown table.

usage: python benches/gemm.py [--rounds 3] [--seconds 0.2] [--ours CMD]       (in the project's folder; needs torch)

CMD is `cargo bench -q --bench gemm -- --json` by default. The two run in turn; each figure is the best of the rounds. PyTorch's results
go into arrays that exist already (`out=`).
"""
import argparse, json, shlex, subprocess, time
import torch

ap = argparse.ArgumentParser()
ap.add_argument("--rounds", type=int, default=3)
ap.add_argument("--seconds", type=float, default=0.2)
ap.add_argument("--ours", default="cargo bench -q --bench gemm -- --json")
a = ap.parse_args()
TYPES = dict(f32=torch.float32, f64=torch.float64)
best = {}


def keep(who, line):
    key = (line["case"], line["size"], line["type"], line["threads"], who)
    best[key] = max(best.get(key, 0), line["gflops"])


def torch_product(case, size, dtype):
    """A function that computes the product once."""
    rand = lambda *shape: torch.rand(*shape, dtype=TYPES[dtype]) - 0.5
    *batch, m, k, n = [int(s) for s in size.split(",")]
    x, y, out = rand(*batch, m, k), rand(*batch, k, n), rand(*batch, m, n)
    if case == "linear":
        w, b = rand(n, k), rand(n)
        return lambda: torch.addmm(b, x, w.t(), out=out)
    if batch:
        return lambda: torch.bmm(x, y, out=out)
    return lambda: torch.mm(x, y, out=out)


def gflops(f, size):
    flops = 2.0
    for s in size.split(","):
        flops *= int(s)
    times, least, start = min(1000, int(2e6 / flops) + 1), 1e9, time.perf_counter()
    while time.perf_counter() - start < a.seconds:
        before = time.perf_counter()
        for _ in range(times):
            f()
        least = min(least, (time.perf_counter() - before) / times)
    return flops / least / 1e9


for _ in range(a.rounds):
    ours = [json.loads(l) for l in subprocess.run(shlex.split(a.ours) + ["--seconds", str(a.seconds)], check=True, capture_output=True, text=True).stdout.splitlines()]
    for line in ours:
        keep("ours", line)
    for line in ours:
        torch.set_num_threads(line["threads"])
        keep("torch", dict(line, gflops=gflops(torch_product(line["case"], line["size"], line["type"]), line["size"])))

print("| product (m,k,n) | f32, 1 thread | f32, 2 threads | f64, 1 thread | f64, 2 threads |\n|---|---|---|---|---|")
for case, size in dict.fromkeys((c, s) for c, s, *_ in best):
    cells = []
    for dtype in TYPES:
        for threads in [1, 2]:
            us, torchs = (best[(case, size, dtype, threads, who)] for who in ("ours", "torch"))
            mark = "**" if us < 0.95 * torchs else ""
            cells.append(f"{mark}{us:.0f} / {torchs:.0f}{mark}" if max(us, torchs) >= 10 else f"{mark}{us:.1f} / {torchs:.1f}{mark}")
    print(f"| {'' if case == 'product' else case + ' '}{size} | " + " | ".join(cells) + " |")
