#!/bin/sh
# torchvision: is the gradient of `ps_roi_pool` on the CPU that of its value, for a region that reaches the map's last row or column?
#
# Guess: yes. The value of a bin is the mean of its pixels, so each of them gets the cotangent divided by their number.
# Seen: no. The forward pass clips bins to height - 1 and width - 1, so it never reads the last row and column; the backward pass clips them to height and
# width. For a 4x4 map and one bin over all of it the value is the mean of the upper left 3x3 pixels, and the gradient 1/16 at all 16.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/pool.py" <<'PYTHON'
import sys
import torch, torchvision
from torchvision.ops import ps_roi_pool

x = torch.arange(16, dtype=torch.float64).reshape(1, 1, 4, 4).requires_grad_(True)
roi = torch.tensor([[0, 0, 0, 4, 4]], dtype=torch.float64)
y = ps_roi_pool(x, roi, 1, 1.0)
y.sum().backward()
print(torchvision.__version__, "value", y.item(), "mean of 3x3", x[0, 0, :3, :3].mean().item(), "gradient", x.grad.unique().tolist())
# The value is linear in x, so it should be <x, gradient>.
print("<x, gradient>", (x * x.grad).sum().item())
sys.exit(0 if y.item() == 5.0 and x.grad.unique().tolist() == [0.0625] else 1)
PYTHON

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
"$dir/venv/bin/python" "$dir/pool.py"
# 0.29.2 value 5.0 mean of 3x3 5.0 gradient [0.0625]
# <x, gradient> 7.5
