#!/bin/sh
# JAX: what does jax.nn.dot_product_attention give a query that may attend to no key (a padded row, a sequence of length 0)?
#
# Guess: 0, as PyTorch's scaled_dot_product_attention, or NaN, as a softmax of minus infinities.
# Seen (0.10.2, CPU): with a boolean mask or with key_value_seq_lengths the mean of all values, those that are masked included, with a gradient
# to each of them. With a bias of minus infinity NaN. So what was left out as padding comes back where everything is padding.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2
JAX_PLATFORMS=cpu "$dir/venv/bin/python" -W ignore - <<'PYTHON'
import sys
import jax
import jax.numpy as jnp

# [batch, time, heads, width]: two queries, three keys
q = jnp.array([[[[1.0, 0.0]], [[0.0, 1.0]]]])
k = jnp.array([[[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, -6.0]]]])
v = jnp.array([[[[10.0, 0.0]], [[20.0, 0.0]], [[60.0, 3.0]]]])
mask = jnp.array([[[[True, False, False], [False, False, False]]]])
attention = jax.nn.dot_product_attention
by_mask = attention(q, k, v, mask=mask)[0, :, 0]
by_length = attention(q, k, v, key_value_seq_lengths=jnp.array([0], dtype=jnp.int32))[0, :, 0]
by_bias = attention(q, k, v, bias=jnp.where(mask, 0.0, -jnp.inf))[0, :, 0]
slope = jax.grad(lambda v: attention(q, k, v, mask=mask)[0, 1, 0, 0])(v)[0, :, 0, 0]
print(jax.__version__, "mask", by_mask.tolist(), "length 0", by_length.tolist(), "bias", by_bias.tolist(), "gradient", slope.tolist())
near = lambda x, y: bool(jnp.allclose(jnp.asarray(x), jnp.asarray(y), rtol=1e-5))
mean = [30.0, 1.0]
seen = near(by_mask, [[10.0, 0.0], mean]) and near(by_length, [mean, mean]) and bool(jnp.isnan(by_bias[1]).all()) and near(slope, [1 / 3] * 3)
sys.exit(0 if seen else 1)
PYTHON
# 0.10.2 mask [[10.0, 0.0], [30.0, 1.0]] length 0 [[30.0, 1.0], [30.0, 1.0]] bias [[10.0, 0.0], [nan, nan]] gradient [0.333.., 0.333.., 0.333..]
