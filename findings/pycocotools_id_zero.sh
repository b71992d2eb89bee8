#!/bin/sh
# pycocotools: what is the average precision of one perfect detection of one object?
#
# Guess: 1. The metric compares boxes and scores; ids are only names, and the list of detection limits only limits.
# Seen: 1 for an object whose annotation has the id 1, but 0 for the same object with the id 0: the table of matches holds the id of the
# matched object, and 0 there means "none". With detection limits [1, 10, 300] in place of [1, 10, 100] the headline AP is -1 ("nothing to
# average") while AP50 and AP75 are 1: the headline asks for the limit 100 by its number. And what is small, medium or large is decided by the
# annotation's field `area` for objects, not by its box: a box of 50 x 50 with a segment of 900 pixels is small.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/perfect.py" <<'PYTHON'
import contextlib
import io
import sys
from importlib.metadata import version
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

def stats(number, limits=None):
    box = [10, 10, 50, 50]
    truth = {"images": [{"id": 1, "width": 200, "height": 200}], "categories": [{"id": 1, "name": "a"}],
             "annotations": [{"id": number, "image_id": 1, "category_id": 1, "bbox": box, "area": 900, "iscrowd": 0}]}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        found = coco.loadRes([{"image_id": 1, "category_id": 1, "bbox": box, "score": 0.9}])
        evaluation = COCOeval(coco, found, "bbox")
        if limits:
            evaluation.params.maxDets = limits
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [round(float(x), 6) for x in evaluation.stats[:6]]

rows = [("id 1", stats(1), [1, 1, 1, 1, -1, -1]), ("id 0", stats(0), [0, 0, 0, 0, -1, -1]),
        ("limits 1, 10, 300", stats(1, [1, 10, 300]), [-1, 1, 1, 1, -1, -1])]
for name, seen, _ in rows:
    print(version("pycocotools"), name, "AP AP50 AP75 small medium large", seen)
sys.exit(0 if all(seen == expected for _, seen, expected in rows) else 1)
PYTHON

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pycocotools==2.0.11 numpy==2.4.6
"$dir/venv/bin/python" "$dir/perfect.py"
# 2.0.11 id 1 AP AP50 AP75 small medium large [1.0, 1.0, 1.0, 1.0, -1.0, -1.0]
# 2.0.11 id 0 AP AP50 AP75 small medium large [0.0, 0.0, 0.0, 0.0, -1.0, -1.0]
# 2.0.11 limits 1, 10, 300 AP AP50 AP75 small medium large [-1.0, 1.0, 1.0, 1.0, -1.0, -1.0]
