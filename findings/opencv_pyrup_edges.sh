#!/bin/sh
# OpenCV: is `pyrUp` of a mirrored image the mirrored `pyrUp`?
#
# Guess: yes. The kernel (1, 4, 6, 4, 1) / 8 is symmetric, and the only border it takes, BORDER_DEFAULT, is a mirror at both edges, as in `pyrDown`.
# Seen: no. Before the first pixel lies the second one (a mirror), but behind the last pixel lies the last one again. A picture and its mirror image give other
# numbers at their edges, so a Laplacian pyramid is not symmetric either. `pyrDown` is symmetric for odd widths.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/up.py" <<'PYTHON'
import sys
import cv2, numpy as np

row = np.array([[0.0, 8.0, 24.0]] * 3)
up, mirrored = cv2.pyrUp(row)[1], cv2.pyrUp(row[:, ::-1].copy())[1][::-1]
print(cv2.__version__, "pyrUp", up.tolist(), "of the mirror image, mirrored", mirrored.tolist())
odd = np.array([[0.0, 8.0, 24.0, 3.0, 5.0]] * 3)
down, back = cv2.pyrDown(odd)[1], cv2.pyrDown(odd[:, ::-1].copy())[1][::-1]
print("pyrDown", down.tolist(), back.tolist())
# The first pixel is (6 x0 + 1 x1 + 1 x(-1)) / 8: with x(-1) = x1 it is 2, and with x(-1) = x0 it would be 1.
sys.exit(0 if up[0] == 2.0 and not np.array_equal(up, mirrored) and np.array_equal(down, back) else 1)
PYTHON

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 numpy==2.4.6
"$dir/venv/bin/python" "$dir/up.py"
# 5.0.0 pyrUp [2.0, 4.0, 9.0, 16.0, 22.0, 24.0] of the mirror image, mirrored [0.0, 1.0, 4.0, 9.0, 16.0, 20.0]
# pyrDown [7.0, 12.0625, 6.375] [7.0, 12.0625, 6.375]
