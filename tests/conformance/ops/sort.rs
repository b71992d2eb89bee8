//! Order along an axis.

use super::super::call::{Answer, Call, Unsupported};
use super::super::format::Value;
use wengert::Scalar;

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "sort" | "argsort" => {
            // There are two signatures in one: `stable` may be given only by keyword.
            c.takes("input, dim=-1, descending=False, *, stable=None")?;
            c.arg("stable"); // ours always is
            let (x, axis, descending) = (c.var("input")?, c.axis("dim")?, c.flag("descending")?);
            if op == "sort" { Ok(x.sort(axis, descending).into()) } else { Ok(x.argsort(axis, descending).into()) }
        }
        "msort" => {
            c.takes("input")?;
            Ok(c.var("input")?.sort(0, false).0.into())
        }
        "topk" => {
            c.takes("input, k, dim=-1, largest=True, sorted=True")?;
            c.arg("sorted"); // ours always are
            Ok(c.var("input")?.topk(c.size("k")?, c.axis("dim")?, c.flag("largest")?).into())
        }
        "kthvalue" => {
            c.takes("input, k, dim=-1, keepdim=False")?;
            Ok(c.var("input")?.kthvalue(c.size("k")?, c.axis("dim")?, c.flag("keepdim")?).into())
        }
        "median" => {
            c.takes("input, dim=None, keepdim=False")?;
            match c.opt_axis("dim")? {
                Some(axis) => Ok(c.var("input")?.median_with_indices(axis, c.flag("keepdim")?).into()),
                None => Ok(c.var("input")?.median().into()),
            }
        }
        "argmax" | "argmin" => {
            c.takes("input, dim=None, keepdim=False")?;
            let (x, keepdim) = (c.var("input")?, c.flag("keepdim")?);
            let (x, axis) = match c.arg("dim") {
                Value::None if !keepdim => (x.reshape([-1]), 0),
                _ => (x, c.axis("dim")?),
            };
            Ok(if op == "argmax" { x.argmax(axis, keepdim) } else { x.argmin(axis, keepdim) }.into())
        }
        _ => Err(Unsupported::Op),
    }
}
