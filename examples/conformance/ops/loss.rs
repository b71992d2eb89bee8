//! Softmax and losses.

use crate::call::{Answer, Call, Unsupported};
use wengert::Scalar;

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "softmax" => {
            c.takes("input, dim, dtype=None")?;
            Ok(c.var("input")?.softmax(c.axis("dim")?).into())
        }
        "log_softmax" => {
            c.takes("input, dim, dtype=None")?;
            Ok(c.var("input")?.log_softmax(c.axis("dim")?).into())
        }
        _ => Err(Unsupported::Op),
    }
}
