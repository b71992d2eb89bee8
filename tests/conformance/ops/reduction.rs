//! Sums and their relatives, extremes, norms.

use super::super::call::{Answer, Call, Input, Unsupported};
use super::super::format::Value;
use wengert::{Indices, Scalar, Var};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "sum" => over_axes(c, "input, dim=None, keepdim=False, *, dtype=None", |x, axes, keepdim| x.sum_axes(axes, keepdim)),
        "mean" => over_axes(c, "input, dim=None, keepdim=False, *, dtype=None", |x, axes, keepdim| x.mean_axes(axes, keepdim)),
        "amax" => over_axes(c, "input, dim=(), keepdim=False", |x, axes, keepdim| x.amax(axes, keepdim)),
        "amin" => over_axes(c, "input, dim=(), keepdim=False", |x, axes, keepdim| x.amin(axes, keepdim)),
        "logsumexp" => over_axes(c, "input, dim, keepdim=False", |x, axes, keepdim| x.logsumexp(axes, keepdim)),
        "prod" => {
            if c.keyword("dim") || c.positional().len() > 1 {
                c.takes("input, dim, keepdim=False, *, dtype=None")?;
                return Ok(c.var("input")?.prod_axes(c.axis("dim")?, c.flag("keepdim")?).into());
            }
            c.takes("input, *, dtype=None")?;
            Ok(c.var("input")?.prod().into())
        }
        "max" => extreme(c, Var::max, Var::max_with_indices, |a, b| a.maximum(b)),
        "min" => extreme(c, Var::min, Var::min_with_indices, |a, b| a.minimum(b)),
        _ => Err(Unsupported::Op),
    }
}

/// A reduction over `dim`: over all axes where that is `None` or an empty list.
fn over_axes<'t, T: Scalar>(
    c: &Call<'t, T>,
    signature: &'static str,
    f: impl Fn(Var<'t, T>, &[isize], bool) -> Var<'t, T>,
) -> Answer<'t, T> {
    c.takes(signature)?;
    let (x, keepdim) = (c.var("input")?, c.flag("keepdim")?);
    let all = || (0..x.ndim() as isize).collect();
    let axes = c.opt_axes("dim")?.filter(|axes| !axes.is_empty()).unwrap_or_else(all);
    Ok(f(x, &axes, keepdim).into())
}

/// `max(input)`, `max(input, other)` or `max(input, dim, keepdim)`.
fn extreme<'t, T: Scalar>(
    c: &Call<'t, T>,
    all: impl Fn(Var<'t, T>) -> Var<'t, T>,
    along: impl Fn(Var<'t, T>, isize, bool) -> (Var<'t, T>, Indices),
    binary: impl Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T>,
) -> Answer<'t, T> {
    if c.keyword("other") || matches!(c.positional(), [_, Value::Tensor(Input::Var(_)), ..]) {
        c.takes("input, other")?;
        return Ok(binary(c.var("input")?, c.var("other")?).into());
    }
    if c.keyword("dim") || c.positional().len() > 1 {
        c.takes("input, dim, keepdim=False")?;
        return Ok(along(c.var("input")?, c.axis("dim")?, c.flag("keepdim")?).into());
    }
    c.takes("input")?;
    Ok(all(c.var("input")?).into())
}
