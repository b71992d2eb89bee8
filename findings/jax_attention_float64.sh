#!/bin/sh
# JAX: how exact is jax.nn.dot_product_attention of float64 arrays, with jax_enable_x64 set?
#
# Guess: as exact as the same formula written out, since inputs and output are float64.
# Seen (0.10.2, CPU): the output's type is float64, but value and gradient are wrong by 1.2e-8 and 7.2e-8 of the largest: the softmax inside is computed in
# float32. A comparison of gradients with differences in float64 fails because of it.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2
JAX_PLATFORMS=cpu "$dir/venv/bin/python" -W ignore - <<'PYTHON'
import sys
import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
q = jnp.array([[[[1.0, 0.0]], [[0.0, 1.0]]]])
k = jnp.array([[[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, -6.0]]]])
v = jnp.array([[[[10.0, 0.0]], [[20.0, 0.0]], [[60.0, 3.0]]]])

def written_out(q):
    weights = jax.nn.softmax(jnp.einsum("btnh,bsnh->bnts", q, k) / jnp.sqrt(2.0))
    return jnp.einsum("bnts,bsnh->btnh", weights, v)
built_in = lambda q: jax.nn.dot_product_attention(q, k, v)
errors = []
for f in [lambda g: g, lambda g: jax.grad(lambda q: g(q).sum())]:
    a, b = f(built_in)(q), f(written_out)(q)
    assert a.dtype == b.dtype == jnp.float64
    errors.append(float(jnp.abs(a - b).max() / jnp.abs(b).max()))
print(jax.__version__, "relative errors of value and gradient", errors)
sys.exit(0 if all(1e-9 < e < 1e-6 for e in errors) else 1)
PYTHON
# 0.10.2 relative errors of value and gradient [1.2e-08, 7.2e-08]
