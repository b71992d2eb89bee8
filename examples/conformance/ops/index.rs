//! Choosing elements by number.

use crate::call::{Answer, Call, Unsupported};
use wengert::Scalar;

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "gather" => {
            c.takes("input, dim, index, *, sparse_grad=False")?;
            Ok(c.var("input")?.gather(c.axis("dim")?, c.indices("index")?).into())
        }
        "scatter_add" => {
            c.takes("input, dim, index, src")?;
            Ok(c.var("input")?.scatter_add(c.axis("dim")?, c.indices("index")?, c.var("src")?).into())
        }
        "index_select" => {
            c.takes("input, dim, index")?;
            Ok(c.var("input")?.index_select(c.axis("dim")?, c.indices("index")?).into())
        }
        _ => Err(Unsupported::Op),
    }
}
