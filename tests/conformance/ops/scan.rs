//! Cumulative sums and their relatives.

use super::super::call::{Answer, Call, Unsupported};
use wengert::Scalar;

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "cumsum" => {
            c.takes("input, dim, *, dtype=None")?;
            Ok(c.var("input")?.cumsum(c.axis("dim")?).into())
        }
        "cumprod" => {
            c.takes("input, dim, *, dtype=None")?;
            Ok(c.var("input")?.cumprod(c.axis("dim")?).into())
        }
        "logcumsumexp" => {
            c.takes("input, dim")?;
            Ok(c.var("input")?.logcumsumexp(c.axis("dim")?).into())
        }
        _ => Err(Unsupported::Op),
    }
}
