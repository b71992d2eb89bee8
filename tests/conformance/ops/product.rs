//! Matrix products.

use super::super::call::{Answer, Call, Unsupported};
use wengert::{AddmmOptions, Scalar};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "matmul" => {
            c.takes("input, other")?;
            Ok(c.var("input")?.matmul(c.var("other")?).into())
        }
        "mm" => {
            c.takes("input, mat2")?;
            Ok(c.var("input")?.mm(c.var("mat2")?).into())
        }
        "bmm" => {
            c.takes("input, mat2")?;
            Ok(c.var("input")?.bmm(c.var("mat2")?).into())
        }
        "mv" => {
            c.takes("input, vec")?;
            Ok(c.var("input")?.mv(c.var("vec")?).into())
        }
        "dot" => {
            c.takes("input, tensor")?;
            Ok(c.var("input")?.dot(c.var("tensor")?).into())
        }
        "outer" => {
            c.takes("input, vec2")?;
            Ok(c.var("input")?.outer(c.var("vec2")?).into())
        }
        "addmm" => {
            c.takes("input, mat1, mat2, *, beta=1, alpha=1")?;
            Ok(c.var("input")?.addmm(c.var("mat1")?, c.var("mat2")?, options(c)?).into())
        }
        "baddbmm" => {
            c.takes("input, batch1, batch2, *, beta=1, alpha=1")?;
            Ok(c.var("input")?.baddbmm(c.var("batch1")?, c.var("batch2")?, options(c)?).into())
        }
        "F.linear" => {
            c.takes("input, weight, bias=None")?;
            let (x, w) = (c.var("input")?, c.var("weight")?);
            match c.opt_var("bias")? {
                Some(b) if w.ndim() == 1 => Ok((x.matmul(w) + b).into()),
                Some(b) => Ok(x.linear(w, b).into()),
                None => Ok(x.matmul(w.t()).into()),
            }
        }
        _ => Err(Unsupported::Op),
    }
}

fn options<T: Scalar>(c: &Call<'_, T>) -> Result<AddmmOptions, Unsupported> {
    Ok(AddmmOptions { beta: c.float("beta")?, alpha: c.float("alpha")? })
}
