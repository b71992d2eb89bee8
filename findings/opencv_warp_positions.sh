#!/bin/sh
# OpenCV: at which positions is an image of floats sampled when it is warped?
#
# Guess: where the map says. Those who know its source say: at multiples of 1/32 of a pixel (INTER_BITS = 5), also for float images.
# Seen: the second is true of 4.12 (a shift by 0.02 moves the image by 0.03125, one by 0.01 not at all), and no more of 5.0, where the
# first is: the same call gives other numbers. Results that were compared with 4.x to 1e-2 of a pixel do not survive the update.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/shift.py" <<'PYTHON'
import sys
import cv2
import numpy as np

ramp = np.tile(np.arange(64, dtype=np.float32), (8, 1))  # f(x, y) = x, so that the value is the position
rows = np.tile(np.arange(8, dtype=np.float32)[:, None], (1, 64))
def at(shift):
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    affine = cv2.warpAffine(ramp, np.array([[1, 0, shift], [0, 1, 0]], np.float64), (64, 8), flags=flags)
    remapped = cv2.remap(ramp, ramp + np.float32(shift), rows, cv2.INTER_LINEAR)
    assert affine[4, 30] == remapped[4, 30]
    return float(affine[4, 30]) - 30
shifts = [0.01, 0.02, 0.1, 0.3]
found = [at(shift) for shift in shifts]
print(cv2.__version__, found)
expected = [round(32 * shift) / 32 for shift in shifts] if sys.argv[1] == "grid" else shifts
sys.exit(0 if np.allclose(found, expected, atol=1e-5) else 1)
PYTHON

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==4.12.0.88
"$dir/venv/bin/python" "$dir/shift.py" grid
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93
"$dir/venv/bin/python" "$dir/shift.py" exact
# 4.12.0 [0.0, 0.03125, 0.09375, 0.3125]
# 5.0.0 [0.010000228881835938, 0.020000457763671875, 0.10000038146972656, 0.2999992370605469]
