#!/bin/sh
# torchvision: does `roi_pool` read only pixels of its region?
#
# Guess: yes. With a scale of 1 and whole corners, the last of 7 bins ends at the region's last row, 7 (29 / 7) = 29, whatever rounding does to the inner edges.
# Seen: no. An edge is ceil((bin + 1) (height / bins)), and for some heights 7 (height / 7) is a bit more than the height: then the last bin takes the row below
# the region too. Which heights depends on the precision: of those up to 256, with 7 bins, seven in float32 and nine in float64, and no height is in both lists.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/pool.py" <<'PYTHON'
import sys
import torch, torchvision
from torchvision.ops import roi_pool


def last_row_read(height, dtype):
    rows = torch.arange(300, dtype=dtype).reshape(1, 1, 300, 1)  # the value of a pixel is the number of its row
    region = torch.tensor([[0, 0, 0, 0, height - 1]], dtype=dtype)  # rows 0 .. height - 1
    return int(roi_pool(rows, region, (7, 1))[0, 0, -1, 0])


outside = {d: [h for h in range(1, 257) if last_row_read(h, d) > h - 1] for d in (torch.float32, torch.float64)}
print(torchvision.__version__, "heights that read a row outside, float32:", outside[torch.float32], "float64:", outside[torch.float64])
expected = {torch.float32: [57, 114, 121, 228, 235, 242, 249], torch.float64: [29, 58, 116, 123, 225, 232, 239, 246, 253]}
sys.exit(0 if outside == expected else 1)
PYTHON

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
"$dir/venv/bin/python" "$dir/pool.py"
# 0.29.2 heights that read a row outside, float32: [57, 114, 121, 228, 235, 242, 249] float64: [29, 58, 116, 123, 225, 232, 239, 246, 253]
