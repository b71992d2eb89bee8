#!/bin/sh
# torchvision: what does `Matcher` do with an object that no anchor overlaps, with `allow_low_quality_matches` (as in a region proposal network)?
#
# Guess: nothing. Each object shall get the anchors that overlap it most, and there are none.
# Seen: the largest overlap is 0, and all anchors that overlap it by 0 equal it: every anchor that should be background becomes an example of some object.
# One object outside of the image, or smaller than the distance of anchors, turns the labels of the whole image around.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/match.py" <<'PYTHON'
import sys
import torch, torchvision
from torchvision.models.detection._utils import Matcher

iou = torch.tensor([[0.9, 0.1, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
found = Matcher(0.7, 0.3, allow_low_quality_matches=True)(iou).tolist()
print(torchvision.__version__, "matches", found, "(-1 is background)")
sys.exit(0 if found == [0, 0, 0, 0] else 1)
PYTHON

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
"$dir/venv/bin/python" "$dir/match.py"
# 0.29.2 matches [0, 0, 0, 0] (-1 is background)
