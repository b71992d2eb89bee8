//! Views, joining, splitting, padding, parts by position.

use crate::call::{Answer, Arg, Call, Input, Unsupported, unsupported};
use crate::format::Value;
use wengert::{PadMode, Scalar, SliceInfo};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "reshape" => {
            c.takes("input, shape")?;
            Ok(c.var("input")?.reshape(&c.axes("shape")?).into())
        }
        "permute" => {
            c.takes("input, dims")?;
            Ok(c.var("input")?.permute(&c.axes("dims")?).into())
        }
        "transpose" => {
            c.takes("input, dim0, dim1")?;
            Ok(c.var("input")?.transpose(c.axis("dim0")?, c.axis("dim1")?).into())
        }
        "unsqueeze" => {
            c.takes("input, dim")?;
            Ok(c.var("input")?.unsqueeze(c.axis("dim")?).into())
        }
        "squeeze" => squeeze(c),
        "expand" => expand(c),
        "cat" => {
            c.takes("tensors, dim=0")?;
            Ok(wengert::concat(&c.vars("tensors")?, c.axis("dim")?).into())
        }
        "stack" => {
            c.takes("tensors, dim=0")?;
            Ok(wengert::stack(&c.vars("tensors")?, c.axis("dim")?).into())
        }
        "narrow" => narrow(c),
        "F.pad" => pad(c),
        "__getitem__" => getitem(c),
        _ => Err(Unsupported::Op),
    }
}

fn squeeze<'t, T: Scalar>(c: &Call<'t, T>) -> Answer<'t, T> {
    c.takes("input, dim=None")?;
    let x = c.var("input")?;
    let Some(axes) = c.opt_axes("dim")? else { return Ok(x.squeeze_all().into()) };
    // From the last axis on, so that the places of the others stay.
    let n = x.ndim() as isize;
    let mut axes: Vec<isize> = axes.into_iter().map(|a| if a < 0 { a + n } else { a }).collect();
    axes.sort_unstable();
    Ok(axes.into_iter().rev().fold(x, |x, axis| x.squeeze(axis)).into())
}

fn expand<'t, T: Scalar>(c: &Call<'t, T>) -> Answer<'t, T> {
    c.takes("input, size")?;
    let (x, size) = (c.var("input")?, c.ints("size")?);
    let Some(new) = size.len().checked_sub(x.ndim()) else { return unsupported("fewer axes than the array has") };
    let old = x.shape();
    // -1 keeps the size of an axis.
    let sizes = size.iter().enumerate().map(|(i, &n)| if n == -1 && i >= new { Some(old[i - new]) } else { usize::try_from(n).ok() });
    match sizes.collect::<Option<Vec<usize>>>() {
        Some(sizes) => Ok(x.broadcast_to(&sizes).into()),
        None => unsupported(format!("sizes {size:?} where ours takes unsigned numbers")),
    }
}

fn narrow<'t, T: Scalar>(c: &Call<'t, T>) -> Answer<'t, T> {
    c.takes("input, dim, start, length")?;
    let (x, axis, len) = (c.var("input")?, c.axis("dim")?, c.size("length")?);
    let start = match c.arg("start") {
        Value::Int(i) => i,
        Value::Tensor(Input::Ints(i)) if i.shape().is_empty() => i.values()[0],
        _ => return unsupported("a start that is not a whole number"),
    };
    // PyTorch counts a negative start from the end.
    let start = if start < 0 && -(x.ndim() as isize) <= axis && axis < x.ndim() as isize { start + x.size(axis) as i64 } else { start };
    match usize::try_from(start) {
        Ok(start) => Ok(x.narrow(axis, start, len).into()),
        Err(_) => unsupported("a start before the first element, where ours takes an unsigned number"),
    }
}

fn pad<'t, T: Scalar>(c: &Call<'t, T>) -> Answer<'t, T> {
    c.takes("input, pad, mode='constant', value=None")?;
    // PyTorch begins with the last axis.
    let borders: Vec<(isize, isize)> = c.axes("pad")?.chunks(2).rev().map(|pair| (pair[0], pair[1])).collect();
    let mode = match c.string("mode")?.as_str() {
        "constant" => PadMode::Constant(c.opt_float("value")?.unwrap_or(0.0)),
        "reflect" => PadMode::Reflect,
        "replicate" => PadMode::Replicate,
        "circular" => PadMode::Circular,
        mode => return unsupported(format!("mode '{mode}'")),
    };
    Ok(c.var("input")?.pad_with(&borders, mode).into())
}

/// Slices, positions, an ellipsis, and one list of positions.
fn getitem<'t, T: Scalar>(c: &Call<'t, T>) -> Answer<'t, T> {
    c.takes("input, index")?;
    let x = c.var("input")?;
    let parts = match c.arg("index") {
        Value::List(parts) => parts,
        one => vec![one],
    };
    let named = parts.iter().filter(|p| !matches!(p, Value::Ellipsis)).count();
    let Some(rest) = x.ndim().checked_sub(named) else { return unsupported("more parts than axes") };
    let (mut slices, mut chosen) = (Vec::new(), Vec::new());
    let mut kept: isize = 0;
    for part in &parts {
        match part {
            Value::Ellipsis => {
                slices.extend(vec![SliceInfo::from(..); rest]);
                kept += rest as isize;
                continue;
            }
            Value::Int(i) => slices.push(SliceInfo::from(*i as isize)),
            Value::Slice(bounds) => {
                slices.push(slice(*bounds)?);
                kept += 1;
            }
            _ => {
                let Some(index) = positions(part, x.size(slices.len() as isize)) else {
                    return unsupported(format!("an index {}", crate::call::describe(part)));
                };
                slices.push(SliceInfo::from(..));
                chosen.push((kept, index));
                kept += 1;
            }
        }
    }
    let y = x.slice(&slices);
    match chosen.as_slice() {
        [] => Ok(y.into()),
        [(axis, index)] if !parts.iter().any(|p| matches!(p, Value::Int(_))) => Ok(y.index_select(*axis, index).into()),
        _ => unsupported("several index arrays at once"),
    }
}

fn slice([start, end, step]: [Option<i64>; 3]) -> Result<SliceInfo, Unsupported> {
    let slice = match (start.map(|i| i as isize), end.map(|i| i as isize)) {
        (None, None) => SliceInfo::from(..),
        (None, Some(end)) => SliceInfo::from(..end),
        (Some(start), None) => SliceInfo::from(start..),
        (Some(start), Some(end)) => SliceInfo::from(start..end),
    };
    match step {
        None => Ok(slice),
        Some(step) if step > 0 => Ok(slice.step(step as isize)),
        Some(step) => unsupported(format!("a step of {step}, which PyTorch does not have")),
    }
}

/// A list of positions along an axis of `n` elements; negative ones count from the end.
fn positions<T: Scalar>(part: &Arg<'_, T>, n: usize) -> Option<Vec<i64>> {
    let list: Vec<i64> = match part {
        Value::List(list) => list.iter().map(|v| if let Value::Int(i) = v { Some(*i) } else { None }).collect::<Option<_>>()?,
        Value::Tensor(Input::Ints(i)) if i.shape().len() == 1 => i.values().to_vec(),
        _ => return None,
    };
    Some(list.into_iter().map(|i| if i < 0 { i + n as i64 } else { i }).collect())
}
