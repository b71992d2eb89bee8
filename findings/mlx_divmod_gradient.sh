#!/bin/sh
# MLX: what is the derivative of the remainder that divmod gives?
#
# Guess: that of remainder(a, b), which is the same number: 1 by a, -floor(a / b) by b.
# Seen (0.32.4, CPU): remainder has 1 and -3 at (7.25, 2); divmod's second output has 0 and 0, in reverse and in forward mode, and says
# nothing. Whoever replaces a division and a remainder by one divmod loses the gradient.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'mlx[cpu]==0.32.4'
"$dir/venv/bin/python" - <<'PYTHON'
import sys
import mlx.core as mx

a, b = mx.array(7.25), mx.array(2.0)
divmod_ = lambda a, b: mx.divmod(a, b)[1]
values = [f(a, b).item() for f in (mx.remainder, divmod_)]
reverse = [[g.item() for g in mx.grad(f, argnums=(0, 1))(a, b)] for f in (mx.remainder, divmod_)]
forward = [mx.jvp(f, [a, b], [mx.array(1.0), mx.array(0.0)])[1][0].item() for f in (mx.remainder, divmod_)]
print("remainder and divmod: values", values, "gradients", reverse, "tangents along a", forward)
sys.exit(0 if values == [1.25, 1.25] and reverse == [[1, -3], [0, 0]] and forward == [1, 0] else 1)
PYTHON
# remainder and divmod: values [1.25, 1.25] gradients [[1.0, -3.0], [0.0, 0.0]] tangents along a [1.0, 0.0]
