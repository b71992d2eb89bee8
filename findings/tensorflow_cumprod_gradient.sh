#!/bin/sh
# TensorFlow: what is the gradient of a cumulative product that holds a zero?
#
# Guess: the product of the other factors, as reduce_prod gives it ([0, 6, 0] at [2, 0, 3]), or at worst NaN, which is seen.
# Seen (tensorflow-cpu 2.21.0): of x0 + x0 x1 + x0 x1 x2 at [2, 0, 3] cumprod gives [1, 0, 0]; right is [1, 8, 0]. The number that is
# needed most, how a weight leaves 0, is a plausible 0: the rule divides by the factor, and replaces 0 / 0 by 0.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0
TF_CPP_MIN_LOG_LEVEL=3 "$dir/venv/bin/python" - 2> "$dir/log" <<'PYTHON' || { cat "$dir/log"; exit 1; }
import sys
import tensorflow as tf

def gradient(f):
    x = tf.Variable([2.0, 0.0, 3.0], dtype=tf.float64)
    with tf.GradientTape() as tape:
        y = f(x)
    return tape.gradient(y, x).numpy().tolist()
by_scan = gradient(lambda x: tf.reduce_sum(tf.math.cumprod(x)))
by_hand = gradient(lambda x: x[0] + x[0] * x[1] + x[0] * x[1] * x[2])
product = gradient(tf.reduce_prod)
print(tf.__version__, "cumprod", by_scan, "the same, written out", by_hand, "reduce_prod", product)
sys.exit(0 if (by_scan, by_hand, product) == ([1, 0, 0], [1, 8, 0], [0, 6, 0]) else 1)
PYTHON
# 2.21.0 cumprod [1.0, 0.0, 0.0] the same, written out [1.0, 8.0, 0.0] reduce_prod [0.0, 6.0, 0.0]
