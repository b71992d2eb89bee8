//! Matrix products.

use crate::call::{Answer, Call, Unsupported, unsupported};
use wengert::{Scalar, Var};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "matmul" => {
            c.takes("input, other")?;
            Ok(c.var("input")?.matmul(c.var("other")?).into())
        }
        "mm" => product(c, "input, mat2", 2, 2),
        "bmm" => product(c, "input, mat2", 3, 3),
        "mv" => product(c, "input, vec", 2, 1),
        "dot" => product(c, "input, tensor", 1, 1),
        "F.linear" => {
            c.takes("input, weight, bias=None")?;
            let (x, w) = (c.var("input")?, c.var("weight")?);
            match c.opt_var("bias")? {
                Some(b) => Ok(x.linear(w, b).into()),
                None => Ok(x.matmul(w.t()).into()),
            }
        }
        _ => Err(Unsupported::Op),
    }
}

/// PyTorch's names for the matrix product of arrays that have just so many axes; `signature` is the names of the two.
fn product<'t, T: Scalar>(c: &Call<'t, T>, signature: &'static str, m: usize, n: usize) -> Answer<'t, T> {
    c.takes(signature)?;
    let (a, b) = signature.split_once(", ").expect("two names");
    let (a, b): (Var<'t, T>, Var<'t, T>) = (c.var(a)?, c.var(b)?);
    if (a.ndim(), b.ndim()) != (m, n) {
        return unsupported(format!("arrays of {} and {} axes: that is a `matmul`", a.ndim(), b.ndim()));
    }
    Ok(a.matmul(b).into())
}
