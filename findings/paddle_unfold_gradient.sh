#!/bin/sh
# PaddlePaddle: what is the gradient through overlapping windows of a tensor (Tensor.unfold)?
#
# Guess: an element gets the sum over the windows that hold it, as with torch.Tensor.unfold, or with the same windows by indices.
# Seen (3.3.1, CPU): the values are right, and each element gets the cotangent of one window only.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1
"$dir/venv/bin/python" -W ignore - <<'PYTHON'
import sys
import paddle

weights = paddle.to_tensor([[1.0, 10.0], [100.0, 1e3], [1e4, 1e5]])
def through(windows):
    x = paddle.to_tensor([1.0, 2.0, 3.0, 4.0], stop_gradient=False)
    y = windows(x)
    (gradient,) = paddle.grad((y * weights).sum(), x)
    return y.numpy().tolist(), gradient.numpy().tolist()
by_unfold = through(lambda x: x.unfold(0, 2, 1))
by_index = through(lambda x: paddle.stack([x[0:2], x[1:3], x[2:4]]))
print("unfold", by_unfold, "by slices", by_index)
same = by_unfold[0] == by_index[0] == [[1, 2], [2, 3], [3, 4]]
sys.exit(0 if same and by_index[1] == [1, 110, 11e3, 1e5] and by_unfold[1] == [1, 100, 1e4, 1e5] else 1)
PYTHON
# unfold gradient [1.0, 100.0, 10000.0, 100000.0], by slices [1.0, 110.0, 11000.0, 100000.0]
