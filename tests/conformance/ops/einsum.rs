//! Einstein sums and tensor products.

use super::super::call::{Answer, Call, Unsupported, unsupported};
use super::super::format::Value;
use wengert::{Scalar, einsum};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "einsum" => {
            // The cases hold the operands first, torch itself takes the equation first.
            let first = matches!(c.positional().first(), Some(Value::List(_)));
            c.takes(if first { "operands, equation" } else { "equation, operands" })?;
            Ok(einsum(&c.string("equation")?, &c.vars("operands")?).into())
        }
        "tensordot" => {
            c.takes("a, b, dims=2")?;
            let (a, b) = (c.var("a")?, c.var("b")?);
            match c.arg("dims") {
                Value::Int(_) => Ok(a.tensordot(b, c.size("dims")?).into()),
                Value::List(pair) => match &pair[..] {
                    [Value::List(left), Value::List(right)] => Ok(a.tensordot_axes(b, &axes(left)?, &axes(right)?).into()),
                    _ => unsupported("`dims` is no pair of lists"),
                },
                _ => unsupported("`dims` is neither a number nor a pair of lists"),
            }
        }
        _ => Err(Unsupported::Op),
    }
}

fn axes<X>(list: &[Value<X>]) -> Result<Vec<isize>, Unsupported> {
    let axis = |v: &Value<X>| if let Value::Int(i) = v { Some(*i as isize) } else { None };
    list.iter().map(axis).collect::<Option<_>>().map_or_else(|| unsupported("`dims` holds what is no axis"), Ok)
}
