//! Pooling.

use super::super::call::{Answer, Call, Unsupported, unsupported};
use super::super::format::Value;
use wengert::{AvgPoolOptions, Indices, LpPoolOptions, MaxPoolOptions, MaxUnpoolOptions, Scalar, Var};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "F.max_pool1d" => max_pool(c, Var::max_pool1d, Var::max_pool1d_with_indices),
        "F.max_pool2d" => max_pool(c, Var::max_pool2d, Var::max_pool2d_with_indices),
        "F.max_pool3d" => max_pool(c, Var::max_pool3d, Var::max_pool3d_with_indices),
        "F.avg_pool1d" => avg_pool(c, Var::avg_pool1d),
        "F.avg_pool2d" => avg_pool(c, Var::avg_pool2d),
        "F.avg_pool3d" => avg_pool(c, Var::avg_pool3d),
        "F.lp_pool1d" => lp_pool(c, Var::lp_pool1d),
        "F.lp_pool2d" => lp_pool(c, Var::lp_pool2d),
        "F.lp_pool3d" => lp_pool(c, Var::lp_pool3d),
        "F.adaptive_avg_pool1d" => adaptive(c, Var::adaptive_avg_pool1d),
        "F.adaptive_avg_pool2d" => adaptive(c, Var::adaptive_avg_pool2d),
        "F.adaptive_avg_pool3d" => adaptive(c, Var::adaptive_avg_pool3d),
        "F.adaptive_max_pool1d" => adaptive_max(c, Var::adaptive_max_pool1d, Var::adaptive_max_pool1d_with_indices),
        "F.adaptive_max_pool2d" => adaptive_max(c, Var::adaptive_max_pool2d, Var::adaptive_max_pool2d_with_indices),
        "F.adaptive_max_pool3d" => adaptive_max(c, Var::adaptive_max_pool3d, Var::adaptive_max_pool3d_with_indices),
        "F.max_unpool1d" => max_unpool(c, Var::max_unpool1d),
        "F.max_unpool2d" => max_unpool(c, Var::max_unpool2d),
        "F.max_unpool3d" => max_unpool(c, Var::max_unpool3d),
        _ => Err(Unsupported::Op),
    }
}

/// One number for all axes, or one for each.
fn each<T: Scalar, const N: usize>(c: &Call<'_, T>, name: &str) -> Result<[usize; N], Unsupported> {
    let sizes = c.sizes(name)?;
    match sizes[..] {
        [one] => Ok([one; N]),
        _ => sizes[..].try_into().or_else(|_| unsupported(format!("`{name}` = {sizes:?} for {N} axes"))),
    }
}

/// As torch has it, an empty list stands for `None`.
fn stride<T: Scalar, const N: usize>(c: &Call<'_, T>) -> Result<Option<[usize; N]>, Unsupported> {
    if c.opt_sizes("stride")?.is_none_or(|s| s.is_empty()) { Ok(None) } else { each(c, "stride").map(Some) }
}

fn max_pool<'t, T: Scalar, const N: usize>(
    c: &Call<'t, T>,
    pool: fn(Var<'t, T>, [usize; N], MaxPoolOptions<N>) -> Var<'t, T>,
    with_indices: impl Fn(Var<'t, T>, [usize; N], MaxPoolOptions<N>) -> (Var<'t, T>, Indices),
) -> Answer<'t, T> {
    c.takes("input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False")?;
    let (x, kernel_size) = (c.var("input")?, each(c, "kernel_size")?);
    let (padding, dilation) = (each(c, "padding")?, each(c, "dilation")?);
    let options = MaxPoolOptions { stride: stride(c)?, padding, dilation, ceil_mode: c.flag("ceil_mode")? };
    Ok(match c.flag("return_indices")? {
        true => with_indices(x, kernel_size, options).into(),
        false => pool(x, kernel_size, options).into(),
    })
}

fn avg_pool<'t, T: Scalar, const N: usize>(
    c: &Call<'t, T>,
    pool: fn(Var<'t, T>, [usize; N], AvgPoolOptions<N>) -> Var<'t, T>,
) -> Answer<'t, T> {
    c.takes("input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None")?;
    let options = AvgPoolOptions {
        stride: stride(c)?,
        padding: each(c, "padding")?,
        ceil_mode: c.flag("ceil_mode")?,
        count_include_pad: c.flag("count_include_pad")?,
        divisor_override: c.opt_int("divisor_override")?,
    };
    Ok(pool(c.var("input")?, each(c, "kernel_size")?, options).into())
}

fn lp_pool<'t, T: Scalar, const N: usize>(
    c: &Call<'t, T>,
    pool: fn(Var<'t, T>, f64, [usize; N], LpPoolOptions<N>) -> Var<'t, T>,
) -> Answer<'t, T> {
    c.takes("input, norm_type, kernel_size, stride=None, ceil_mode=False")?;
    let options = LpPoolOptions { stride: stride(c)?, ceil_mode: c.flag("ceil_mode")? };
    Ok(pool(c.var("input")?, c.float("norm_type")?, each(c, "kernel_size")?, options).into())
}

/// The sizes of an adaptive pool, of which some may be `None`.
fn output_size<T: Scalar, const N: usize>(c: &Call<'_, T>) -> Result<[Option<usize>; N], Unsupported> {
    let list = match c.arg("output_size") {
        Value::List(list) => list,
        one => vec![one; N],
    };
    let size = |v: &Value<_>| match v {
        Value::None => Ok(None),
        Value::Int(i) => usize::try_from(*i).map(Some).or_else(|_| unsupported(format!("size {i} where ours takes an unsigned number"))),
        _ => unsupported("an `output_size` that is no number"),
    };
    let sizes = list.iter().map(size).collect::<Result<Vec<_>, _>>()?;
    sizes[..].try_into().or_else(|_| unsupported(format!("`output_size` = {sizes:?} for {N} axes")))
}

fn adaptive<'t, T: Scalar, const N: usize>(c: &Call<'t, T>, pool: fn(Var<'t, T>, [Option<usize>; N]) -> Var<'t, T>) -> Answer<'t, T> {
    c.takes("input, output_size")?;
    Ok(pool(c.var("input")?, output_size(c)?).into())
}

fn adaptive_max<'t, T: Scalar, const N: usize>(
    c: &Call<'t, T>,
    pool: fn(Var<'t, T>, [Option<usize>; N]) -> Var<'t, T>,
    with_indices: impl Fn(Var<'t, T>, [Option<usize>; N]) -> (Var<'t, T>, Indices),
) -> Answer<'t, T> {
    c.takes("input, output_size, return_indices=False")?;
    let (x, sizes) = (c.var("input")?, output_size(c)?);
    Ok(if c.flag("return_indices")? { with_indices(x, sizes).into() } else { pool(x, sizes).into() })
}

fn max_unpool<'t, T: Scalar, const N: usize>(
    c: &Call<'t, T>,
    unpool: fn(Var<'t, T>, Indices, [usize; N], MaxUnpoolOptions<N>) -> Var<'t, T>,
) -> Answer<'t, T> {
    c.takes("input, indices, kernel_size, stride=None, padding=0, output_size=None")?;
    // Torch also takes the whole shape; batch and channels are then not looked at.
    let output_size = match c.opt_sizes("output_size")? {
        None => None,
        Some(all) => match all[if all.len() == N + 2 { 2 } else { 0 }..].try_into() {
            Ok(sizes) => Some(sizes),
            Err(_) => return unsupported(format!("`output_size` = {all:?} for {N} axes")),
        },
    };
    let options = MaxUnpoolOptions { stride: stride(c)?, padding: each(c, "padding")?, output_size };
    Ok(unpool(c.var("input")?, c.indices("indices")?, each(c, "kernel_size")?, options).into())
}
