//! Sums and their relatives, extremes, norms.

use crate::call::{Answer, Call, Input, Unsupported, unsupported};
use crate::format::Value;
use wengert::{Scalar, Var};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "sum" => {
            c.takes("input, dim=None, keepdim=False, *, dtype=None")?;
            over_axes(c, |x, axes, keepdim| x.sum_axes(axes, keepdim))
        }
        "mean" => {
            c.takes("input, dim=None, keepdim=False, *, dtype=None")?;
            over_axes(c, |x, axes, keepdim| x.mean_axes(axes, keepdim))
        }
        "amax" => {
            c.takes("input, dim=(), keepdim=False")?;
            over_axes(c, |x, axes, keepdim| x.max_axes(axes, keepdim))
        }
        "amin" => {
            c.takes("input, dim=(), keepdim=False")?;
            over_axes(c, |x, axes, keepdim| x.min_axes(axes, keepdim))
        }
        "logsumexp" => {
            c.takes("input, dim, keepdim=False")?;
            over_axes(c, |x, axes, keepdim| x.logsumexp(axes, keepdim))
        }
        "max" => extreme(c, Var::max, |a, b| a.maximum(b)),
        "min" => extreme(c, Var::min, |a, b| a.minimum(b)),
        _ => Err(Unsupported::Op),
    }
}

/// A reduction over `dim`: over all axes where that is `None` or an empty list.
fn over_axes<'t, T: Scalar>(c: &Call<'t, T>, f: impl Fn(Var<'t, T>, &[isize], bool) -> Var<'t, T>) -> Answer<'t, T> {
    let (x, keepdim) = (c.var("input")?, c.flag("keepdim")?);
    let all = || (0..x.ndim() as isize).collect();
    let axes = c.opt_axes("dim")?.filter(|axes| !axes.is_empty()).unwrap_or_else(all);
    // A number has no axis, but PyTorch allows 0 and -1 for it.
    let axes = if x.ndim() == 0 && matches!(axes[..], [0 | -1]) { Vec::new() } else { axes };
    Ok(f(x, &axes, keepdim).into())
}

/// `max(input)`, `max(input, other)` or `max(input, dim, keepdim)`.
fn extreme<'t, T: Scalar>(
    c: &Call<'t, T>,
    all: impl Fn(Var<'t, T>) -> Var<'t, T>,
    binary: impl Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T>,
) -> Answer<'t, T> {
    if c.keyword("other") || matches!(c.positional(), [_, Value::Tensor(Input::Var(_)), ..]) {
        c.takes("input, other")?;
        return Ok(binary(c.var("input")?, c.var("other")?).into());
    }
    if c.keyword("dim") || c.positional().len() > 1 {
        return unsupported("along an axis");
    }
    c.takes("input")?;
    Ok(all(c.var("input")?).into())
}
