//! Norms, distances, variances, normalisations, and the layers beside them.

use super::super::call::{Answer, Call, Input, Unsupported, unsupported};
use super::super::format::Value;
use wengert::{LocalResponseNormOptions, NormOptions, NormalizeOptions, Param, RmsNormOptions, RunningStats, Scalar, Var};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    Ok(match op {
        "var" | "std" => {
            let f = if op == "var" {
                |x: Var<'t, T>, axes: &[isize], n, keep| x.var(axes, n, keep)
            } else {
                |x: Var<'t, T>, axes: &[isize], n, keep| x.std(axes, n, keep)
            };
            // `var(input, unbiased)` is a signature of its own.
            if let [_, Value::Bool(_)] = c.positional() {
                c.takes("input, unbiased")?;
                let x = c.var("input")?;
                let all: Vec<isize> = (0..x.ndim() as isize).collect();
                return Ok(f(x, &all, f64::from(u8::from(c.flag("unbiased")?)), false).into());
            }
            if c.keyword("unbiased") || matches!(c.positional(), [_, _, Value::Bool(_), ..]) {
                c.takes("input, dim=None, unbiased=True, keepdim=False")?;
                let correction = f64::from(u8::from(c.flag("unbiased")?));
                return Ok(f(c.var("input")?, &axes(c, "dim")?, correction, c.flag("keepdim")?).into());
            }
            c.takes("input, dim=None, *, correction=1, keepdim=False")?;
            f(c.var("input")?, &axes(c, "dim")?, c.opt_float("correction")?.unwrap_or(1.0), c.flag("keepdim")?)
        }
        "linalg.vector_norm" => {
            c.takes("input, ord=2, dim=None, keepdim=False, *, dtype=None")?;
            c.var("input")?.vector_norm(c.float("ord")?, &axes(c, "dim")?[..], c.flag("keepdim")?)
        }
        "norm" => {
            c.takes("input, p='fro', dim=None, keepdim=False, out=None, dtype=None")?;
            let p = match c.arg("p") {
                Value::None => 2.0,
                Value::Str(s) if s == "fro" => 2.0,
                Value::Str(s) if s == "nuc" => return nuclear_norm(c),
                Value::Str(s) => return unsupported(format!("the {s} norm")),
                _ => c.float("p")?,
            };
            c.var("input")?.vector_norm(p, &axes(c, "dim")?[..], c.flag("keepdim")?)
        }
        "F.normalize" => {
            c.takes("input, p=2.0, dim=1, eps=1e-12, out=None")?;
            let options = NormalizeOptions { p: c.float("p")?, eps: c.float("eps")? };
            c.var("input")?.normalize_with(&axes(c, "dim")?[..], options)
        }
        "F.cosine_similarity" => {
            c.takes("x1, x2, dim=1, eps=1e-8")?;
            c.var("x1")?.cosine_similarity_with(c.var("x2")?, c.axis("dim")?, c.float("eps")?)
        }
        "F.pairwise_distance" => {
            c.takes("x1, x2, p=2.0, eps=1e-6, keepdim=False")?;
            let y = c.var("x1")?.pairwise_distance(c.var("x2")?, c.float("p")?, c.float("eps")?);
            if c.flag("keepdim")? { y.unsqueeze(-1) } else { y }
        }
        "cdist" => {
            // How torch computes it is a matter of speed.
            c.takes("x1, x2, p=2.0, compute_mode='use_mm_for_euclid_dist_if_necessary'")?;
            let _ = c.opt_string("compute_mode")?;
            c.var("x1")?.cdist(c.var("x2")?, c.float("p")?)
        }
        "F.batch_norm" => {
            c.takes("input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5")?;
            let (x, stats, options) = (c.var("input")?, stats(c)?, norm(c)?);
            if x.ndim() < 2 {
                return unsupported("an array without an axis of channels");
            }
            match (stats, c.flag("training")?) {
                (stats, true) => x.batch_norm_train(stats.as_ref(), options),
                (Some(stats), false) => x.batch_norm(&stats, options),
                (None, false) => return unsupported("no statistics where they are to be used"),
            }
        }
        "F.instance_norm" => {
            c.takes("input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5")?;
            // The statistics that ours does not keep are not part of torch's result.
            let (x, stats, options) = (c.var("input")?, stats(c)?, norm(c)?);
            match (stats, c.flag("use_input_stats")?) {
                (_, true) => x.instance_norm(options),
                (Some(stats), false) => x.batch_norm(&stats, options),
                (None, false) => return unsupported("no statistics where they are to be used"),
            }
        }
        "F.group_norm" => {
            c.takes("input, num_groups, weight=None, bias=None, eps=1e-5")?;
            c.var("input")?.group_norm(c.size("num_groups")?, norm(c)?)
        }
        "F.layer_norm" => {
            c.takes("input, normalized_shape, weight=None, bias=None, eps=1e-5")?;
            c.var("input")?.layer_norm(&c.sizes("normalized_shape")?, norm(c)?)
        }
        "F.rms_norm" => {
            c.takes("input, normalized_shape, weight=None, eps=None")?;
            let options = RmsNormOptions { weight: c.opt_var("weight")?, eps: c.opt_float("eps")? };
            c.var("input")?.rms_norm(&c.sizes("normalized_shape")?, options)
        }
        "F.local_response_norm" => {
            c.takes("input, size, alpha=1e-4, beta=0.75, k=1.0")?;
            let options = LocalResponseNormOptions { alpha: c.float("alpha")?, beta: c.float("beta")?, k: c.float("k")? };
            c.var("input")?.local_response_norm(c.size("size")?, options)
        }
        "F.bilinear" => {
            c.takes("input1, input2, weight, bias=None")?;
            c.var("input1")?.bilinear(c.var("input2")?, c.var("weight")?, c.opt_var("bias")?)
        }
        "F.embedding" => {
            // The table comes second in torch's own signature, and first in that of its samples.
            match c.positional() {
                [Value::Tensor(Input::Var(_)), ..] => {
                    c.takes("weight, input, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False")?
                }
                _ => c.takes("input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False")?,
            }
            // A sparse gradient has the same numbers.
            let _ = c.flag("sparse")?;
            c.var("weight")?.embedding(c.indices("input")?, c.opt_axis("padding_idx")?)
        }
        _ => return Err(Unsupported::Op),
    }
    .into())
}

/// Of the matrices in two axes, which ours takes from the end.
fn nuclear_norm<'t, T: Scalar>(c: &Call<'t, T>) -> Answer<'t, T> {
    let (x, axes) = (c.var("input")?, axes(c, "dim")?);
    if c.flag("keepdim")? || axes.len() != 2 {
        return unsupported("a nuclear norm that keeps its axes, or of other than two");
    }
    let rank = x.ndim() as isize;
    let axes: Vec<isize> = axes.into_iter().map(|a| if a < 0 { a + rank } else { a }).collect();
    let order: Vec<isize> = (0..rank).filter(|a| !axes.contains(a)).chain(axes.iter().copied()).collect();
    Ok(x.permute(&order).nuclear_norm().into())
}

/// The axes, or all where none are named.
fn axes<T: Scalar>(c: &Call<'_, T>, name: &str) -> Result<Vec<isize>, Unsupported> {
    let rank = c.var("input")?.ndim() as isize;
    let axes = c.opt_axes(name)?.filter(|axes| !axes.is_empty()).unwrap_or_else(|| (0..rank).collect());
    // A number has no axis, but PyTorch allows 0 and -1 for it.
    Ok(if rank == 0 && matches!(axes[..], [0 | -1]) { Vec::new() } else { axes })
}

fn norm<'t, T: Scalar>(c: &Call<'t, T>) -> Result<NormOptions<'t, T>, Unsupported> {
    Ok(NormOptions { weight: c.opt_var("weight")?, bias: c.opt_var("bias")?, eps: c.float("eps")? })
}

fn stats<T: Scalar>(c: &Call<'_, T>) -> Result<Option<RunningStats<T>>, Unsupported> {
    let momentum = c.float("momentum")?;
    let (mean, var) = (c.opt_var("running_mean")?, c.opt_var("running_var")?);
    Ok(mean.zip(var).map(|(mean, var)| RunningStats {
        mean: Param::new("mean", mean.to_vec()),
        var: Param::new("var", var.to_vec()),
        momentum,
    }))
}
