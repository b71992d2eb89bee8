//! Views, joining, splitting, padding, parts by position.

use super::super::call::{Answer, Call, Input, Unsupported, unsupported};
use super::super::format::Value;
use wengert::{PadMode, Scalar};

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
        "swapaxes" => {
            c.takes("input, axis0, axis1")?;
            Ok(c.var("input")?.transpose(c.axis("axis0")?, c.axis("axis1")?).into())
        }
        "unsqueeze" => {
            c.takes("input, dim")?;
            Ok(c.var("input")?.unsqueeze(c.axis("dim")?).into())
        }
        "squeeze" => {
            c.takes("input, dim=None")?;
            match c.opt_axes("dim")? {
                Some(axes) => Ok(c.var("input")?.squeeze(&axes[..]).into()),
                None => Ok(c.var("input")?.squeeze(..).into()),
            }
        }
        "expand" => {
            c.takes("input, size")?;
            Ok(c.var("input")?.expand(&c.axes("size")?).into())
        }
        "broadcast_to" => {
            c.takes("input, size")?;
            Ok(c.var("input")?.expand(&c.axes("size")?).into())
        }
        "flatten" => {
            c.takes("input, start_dim=0, end_dim=-1")?;
            Ok(c.var("input")?.flatten(c.axis("start_dim")?, c.axis("end_dim")?).into())
        }
        "unflatten" => {
            c.takes("input, dim, sizes")?;
            Ok(c.var("input")?.unflatten(c.axis("dim")?, &c.axes("sizes")?).into())
        }
        "movedim" => {
            c.takes("input, source, destination")?;
            Ok(c.var("input")?.movedim(&c.axes("source")?, &c.axes("destination")?).into())
        }
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
        _ => Err(Unsupported::Op),
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
