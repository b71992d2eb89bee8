#!/bin/sh
# PyTorch: what does `antialias=True` do where nothing can alias, when a bicubic resize makes an image larger?
#
# Guess: nothing. The filter is widened by the factor of shrinking, which is below 1 here, so both calls should give the same numbers.
# Seen: other numbers. Without antialias the cubic has the coefficient a = -0.75 (as OpenCV), with it a = -0.5 (as Pillow): for an impulse
# that is enlarged twice the largest value is 0.8789 or 0.8672, and the undershoot -0.1055 or -0.0703. A preprocessing step that turns
# antialias on "to be safe" therefore changes enlarged images too, by up to 5 % of the range.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/enlarge.py" <<'PYTHON'
import sys
import torch
import torch.nn.functional as F

impulse = torch.zeros(1, 1, 1, 16, dtype=torch.float64)
impulse[..., 8] = 1

def cubic(x, a):
    x = abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return near if x <= 1 else far if x < 2 else 0.0

seen = {}
for antialias, a in ((False, -0.75), (True, -0.5)):
    y = F.interpolate(impulse, size=(1, 32), mode="bicubic", align_corners=False, antialias=antialias)[0, 0, 0]
    expected = torch.tensor([cubic((i + 0.5) / 2 - 0.5 - 8, a) for i in range(32)], dtype=torch.float64)
    seen[antialias] = bool((y - expected).abs().max() < 1e-12)
    print(torch.__version__, "antialias", antialias, "a", a, y[13:17].tolist(), seen[antialias])
sys.exit(0 if all(seen.values()) else 1)
PYTHON

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$dir/venv/bin/python" "$dir/enlarge.py"
# 2.15.0 antialias False a -0.75 [-0.03515625, -0.10546875, 0.26171875, 0.87890625] True
# 2.15.0 antialias True a -0.5 [-0.0234375, -0.0703125, 0.2265625, 0.8671875] True
