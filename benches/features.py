#!/usr/bin/env python3
"""SIFT and HOG of 512 x 512 pictures beside OpenCV's and scikit-image's, in milliseconds, as a Markdown table.

usage: python benches/features.py [--rounds 4] [--threads 2] [--ours CMD]
(in the project's folder; needs opencv-python-headless and scikit-image, whose pictures these are)

CMD is `cargo bench -q --bench features -- --json` by default. The two run in turn; each figure is the least of the rounds.
"""
import argparse, json, os, shlex, subprocess, tempfile, time
import cv2
from skimage import data
from skimage.feature import hog

ap = argparse.ArgumentParser()
ap.add_argument("--rounds", type=int, default=4)
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--ours", default="cargo bench -q --bench features -- --json")
a = ap.parse_args()
cv2.setNumThreads(a.threads)
os.environ["RAYON_NUM_THREADS"] = str(a.threads)
best, keypoints = {}, {}


def least(f, seconds=1):
    start, least = time.perf_counter(), 1e9
    while time.perf_counter() - start < seconds:
        before = time.perf_counter()
        f()
        least = min(least, time.perf_counter() - before)
    return 1e3 * least


with tempfile.TemporaryDirectory() as folder:
    pictures = {name: getattr(data, name)() for name in ["camera", "brick", "grass"]}
    files = {os.path.join(folder, name + ".png"): name for name in pictures}
    for file, name in files.items():
        cv2.imwrite(file, pictures[name])
    sift = cv2.SIFT_create(enable_precise_upscale=True)
    for _ in range(a.rounds):
        lines = subprocess.run([*shlex.split(a.ours), *files], check=True, capture_output=True, text=True).stdout.splitlines()
        for line in map(json.loads, lines):
            key = line["what"], files[line["file"]]
            best["ours", key] = min(best.get(("ours", key), 1e9), line["ms"])
            keypoints[key[1]] = line["keypoints"]
        for name, x in pictures.items():
            peers = {"sift": lambda: sift.detectAndCompute(x, None), "hog": lambda: hog(x)}
            for what, f in peers.items():
                best["peer", (what, name)] = min(best.get(("peer", (what, name)), 1e9), least(f))

print(f"| what | picture | this crate, ms | OpenCV {cv2.__version__} or scikit-image, ms | times as fast |\n|---|---|---|---|---|")
for who, key in best:
    if who == "peer":
        ours, theirs = best["ours", key], best[who, key]
        print(f"| {key[0]} | {key[1]}, {keypoints[key[1]]} keypoints | {ours:.1f} | {theirs:.1f} | {theirs / ours:.2f} |")
