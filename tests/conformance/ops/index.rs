//! Choosing elements by number.

use super::super::call::{Answer, Arg, Call, Input, Unsupported, describe, unsupported};
use super::super::format::Value;
use wengert::{Indices, Mask, Pick, Scalar, SliceInfo};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "__getitem__" => getitem(c),
        "gather" => {
            c.takes("input, dim, index, *, sparse_grad=False")?;
            c.arg("sparse_grad"); // another layout of the same gradient
            Ok(c.var("input")?.gather(c.axis("dim")?, indices(c, "index")?).into())
        }
        "take_along_dim" => {
            c.takes("input, indices, dim=None")?;
            let (x, index) = (c.var("input")?, indices(c, "indices")?);
            match c.opt_axis("dim")? {
                Some(axis) => Ok(x.take_along_dim(axis, index).into()),
                None => Ok(x.reshape([-1]).take_along_dim(0, index.values()).into()),
            }
        }
        "scatter" => {
            // The fourth is `src`, or a number by the name of `value`.
            let values = if c.keyword("value") { "value" } else { "src" };
            c.takes(if values == "value" { "input, dim, index, value, *, reduce=None" } else { "input, dim, index, src, *, reduce=None" })?;
            let (x, axis, index) = (c.var("input")?, c.axis("dim")?, indices(c, "index")?);
            let number = !matches!(c.arg(values), Value::Tensor(_));
            let values = c.operand(values)?;
            match c.opt_string("reduce")?.as_deref() {
                None => Ok(x.scatter(axis, index, values).into()),
                Some("add") if number => {
                    let shape = index.shape().clone();
                    Ok(x.scatter_add(axis, index, values.broadcast_to(&shape)).into())
                }
                Some("add") => Ok(x.scatter_add(axis, index, values).into()),
                Some(reduce) => unsupported(format!("reduce '{reduce}'")),
            }
        }
        "scatter_add" => {
            c.takes("input, dim, index, src")?;
            Ok(c.var("input")?.scatter_add(c.axis("dim")?, indices(c, "index")?, c.var("src")?).into())
        }
        "index_select" => {
            c.takes("input, dim, index")?;
            Ok(c.var("input")?.index_select(c.axis("dim")?, indices(c, "index")?).into())
        }
        "index_add" => {
            c.takes("input, dim, index, source, *, alpha=1")?;
            Ok(c.var("input")?.index_add(c.axis("dim")?, indices(c, "index")?, c.var("source")?, c.float("alpha")?).into())
        }
        "index_copy" => {
            c.takes("input, dim, index, source")?;
            Ok(c.var("input")?.index_copy(c.axis("dim")?, indices(c, "index")?, c.var("source")?).into())
        }
        "index_fill" => {
            c.takes("input, dim, index, value")?;
            Ok(c.var("input")?.index_fill(c.axis("dim")?, indices(c, "index")?, c.operand("value")?).into())
        }
        "masked_select" => {
            c.takes("input, mask")?;
            Ok(c.var("input")?.masked_select(c.mask("mask")?).into())
        }
        _ => Err(Unsupported::Op),
    }
}

/// Indices; bytes among the cases stand for booleans, but here for numbers.
fn indices<T: Scalar>(c: &Call<'_, T>, name: &str) -> Result<Indices, Unsupported> {
    match c.arg(name) {
        Value::Tensor(Input::Mask(bytes)) => Ok(bytes.into()),
        _ => c.indices(name),
    }
}

fn getitem<'t, T: Scalar>(c: &Call<'t, T>) -> Answer<'t, T> {
    c.takes("input, index")?;
    let parts = match c.arg("index") {
        // As in PyTorch, a list of whole numbers alone is one array of indices; one that holds anything else is a tuple.
        Value::List(parts) if parts.iter().any(|part| !matches!(part, Value::Int(_))) => parts,
        one => vec![one],
    };
    let picks = parts.iter().map(pick).collect::<Result<Vec<Pick>, _>>()?;
    Ok(c.var("input")?.index(&picks).into())
}

fn pick<T: Scalar>(part: &Arg<'_, T>) -> Result<Pick, Unsupported> {
    match part {
        Value::None => Ok(Pick::NewAxis),
        Value::Ellipsis => Ok(Pick::Ellipsis),
        Value::Int(i) => Ok(Pick::from(*i as isize)),
        Value::Bool(b) => Ok(Mask::new(&[], [*b]).into()),
        Value::Slice(bounds) => slice(*bounds).map(Pick::Part),
        Value::Tensor(Input::Ints(i)) => Ok(i.into()),
        Value::Tensor(Input::Mask(mask)) => Ok(Mask::from(*mask).into()),
        Value::List(_) => match (whole(part), truth(part)) {
            (Some((shape, numbers)), _) => Ok(Indices::new(&shape, numbers).into()),
            (_, Some((shape, numbers))) => Ok(Mask::new(&shape, numbers).into()),
            _ => unsupported(format!("an index {}", describe(part))),
        },
        _ => unsupported(format!("an index {}", describe(part))),
    }
}

fn whole<T: Scalar>(list: &Arg<'_, T>) -> Option<(Vec<usize>, Vec<i64>)> {
    nested(list, &|v| if let Value::Int(i) = v { Some(*i) } else { None })
}
fn truth<T: Scalar>(list: &Arg<'_, T>) -> Option<(Vec<usize>, Vec<bool>)> {
    nested(list, &|v| if let Value::Bool(b) = v { Some(*b) } else { None })
}

/// The shape and the elements of nested lists, if `read` knows all elements and the lists are of equal lengths.
fn nested<T: Scalar, X>(list: &Arg<'_, T>, read: &dyn Fn(&Arg<'_, T>) -> Option<X>) -> Option<(Vec<usize>, Vec<X>)> {
    let Value::List(list) = list else { return read(list).map(|x| (Vec::new(), vec![x])) };
    let (mut inner, mut all) = (None, Vec::new());
    for part in list {
        let (shape, elements) = nested(part, read)?;
        if *inner.get_or_insert_with(|| shape.clone()) != shape {
            return None;
        }
        all.extend(elements);
    }
    let mut shape = inner.unwrap_or_default();
    shape.insert(0, list.len());
    Some((shape, all))
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
