//! Sums and their relatives, extremes, norms.

use crate::call::{Answer, Call, Unsupported};
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
