#!/bin/sh
# pycocotools: does the average precision depend on which image has the smaller id?
#
# Guess: no. Ids are names; a detector that finds the same boxes with the same scores has the same AP.
# Seen: yes, where scores are equal. Detections of all images are sorted by their scores with a stable sort, and equal ones stay in the order of the images' ids. Scores
# that are rounded to two digits, as in many result files, tie often: here swapping the ids of two images moves AP from 1.0 to 0.5.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/ties.py" <<'PYTHON'
import contextlib, io, sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def ap(right, wrong):
    """One object, in the image `right`, found with the score 0.9; a false alarm with the same score in the image `wrong`."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        box = [10, 10, 50, 50]
        truth.dataset = {
            "info": {}, "images": [{"id": right}, {"id": wrong}], "categories": [{"id": 1}],
            "annotations": [{"id": 1, "image_id": right, "category_id": 1, "bbox": box, "area": 2500, "iscrowd": 0}],
        }
        truth.createIndex()
        found = truth.loadRes([{"image_id": i, "category_id": 1, "bbox": box, "score": 0.9} for i in (right, wrong)])
        e = COCOeval(truth, found, "bbox")
        e.evaluate(), e.accumulate(), e.summarize()
    return float(e.stats[0])


a, b = ap(1, 2), ap(2, 1)
print("AP", round(a, 3), "with the ids swapped", round(b, 3))
sys.exit(0 if a > 0.99 and abs(b - 0.5) < 0.01 else 1)
PYTHON

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pycocotools==2.0.11 numpy==2.4.6
"$dir/venv/bin/python" "$dir/ties.py"
# AP 1.0 with the ids swapped 0.5
