#!/bin/sh
# PaddlePaddle: what is the cross entropy of a class whose logit lies 1000 below the other?
#
# Guess: 1000, as log_softmax(x) = x - logsumexp(x) says; in float64 nothing of it is near the ends of the type.
# Seen (3.3.1, CPU): 64, and 64 at -100 and -70 too: no logit is taken to be more than 64 below the largest. The gradient knows nothing of
# it and stays [-1, 1], so that the loss does not move where its gradient says that it does, and softmax([-1000, 0])[0] is 1.6e-28.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1
"$dir/venv/bin/python" -W ignore - <<'PYTHON'
import sys
import paddle
import paddle.nn.functional as F

def at(logit):
    x = paddle.to_tensor([[logit, 0.0]], dtype="float64", stop_gradient=False)
    loss = F.cross_entropy(x, paddle.to_tensor([0]))
    (gradient,) = paddle.grad(loss, x)
    return loss.item(), gradient.numpy().ravel().tolist(), F.log_softmax(x).numpy()[0, 0].item(), F.softmax(x).numpy()[0, 0].item()
found = {logit: at(logit) for logit in (-50.0, -70.0, -100.0, -1000.0)}
for logit, (loss, gradient, log, p) in found.items():
    print(f"{logit}: loss {loss}, gradient {gradient}, log_softmax {log}, softmax {p:.3e}")
right = found[-50.0][0] == 50
floor = all(found[x][0] == 64 and found[x][2] == -64 and abs(found[x][3] / 1.6038e-28 - 1) < 1e-3 for x in (-70.0, -100.0, -1000.0))
slopes = all(max(abs(g[0] + 1), abs(g[1] - 1)) < 1e-12 for _, g, _, _ in found.values())
sys.exit(0 if right and floor and slopes else 1)
PYTHON
# -1000.0: loss 64.0, gradient [-1.0, 1.0], log_softmax -64.0, softmax 1.604e-28
