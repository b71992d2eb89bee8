//! Linear algebra.

use super::super::call::{Answer, Call, Unsupported, unsupported};
use wengert::{Scalar, TriangularOptions, Var, multi_dot};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "linalg.inv" => {
            c.takes("A")?;
            Ok(c.var("A")?.inv().into())
        }
        "linalg.det" => {
            c.takes("A")?;
            Ok(c.var("A")?.det().into())
        }
        "linalg.slogdet" => {
            c.takes("A")?;
            Ok(c.var("A")?.slogdet().into())
        }
        "linalg.cholesky" => {
            c.takes("A, *, upper=False")?;
            Ok(c.var("A")?.cholesky(c.flag("upper")?).into())
        }
        "linalg.matrix_power" => {
            c.takes("A, n")?;
            match i32::try_from(c.int("n")?) {
                Ok(n) => Ok(c.var("A")?.matrix_power(n).into()),
                Err(_) => unsupported("a power beyond 32 bits"),
            }
        }
        "linalg.multi_dot" => {
            c.takes("tensors")?;
            Ok(multi_dot(&c.vars("tensors")?).into())
        }
        "linalg.solve" => {
            c.takes("A, B, *, left=True")?;
            let (a, b) = (c.var("A")?, c.var("B")?);
            let mt = |x: Var<'t, T>| x.transpose(-2, -1);
            match c.flag("left")? {
                true => Ok(a.solve(b).into()),
                false if b.ndim() >= 2 && b.ndim() >= a.ndim() => Ok(mt(mt(a).solve(mt(b))).into()),
                false => unsupported("`left` = false with vectors"),
            }
        }
        "linalg.solve_triangular" => {
            c.takes("A, B, *, upper, left=True, unitriangular=False")?;
            let options = TriangularOptions { upper: c.flag("upper")?, left: c.flag("left")?, unitriangular: c.flag("unitriangular")? };
            Ok(c.var("A")?.solve_triangular(c.var("B")?, options).into())
        }
        _ => Err(Unsupported::Op),
    }
}
