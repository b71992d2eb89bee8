//! Activation functions.

use super::super::call::{Answer, Call, Unsupported, unsupported};
use wengert::{Scalar, Var};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "F.relu" => in_place(c, Var::relu),
        "F.relu6" => in_place(c, Var::relu6),
        "F.selu" => in_place(c, Var::selu),
        "F.silu" => in_place(c, Var::silu),
        "F.mish" => in_place(c, Var::mish),
        "F.hardsigmoid" => in_place(c, Var::hardsigmoid),
        "F.hardswish" => in_place(c, Var::hardswish),
        "F.logsigmoid" => plain(c, Var::logsigmoid),
        "F.softsign" => plain(c, Var::softsign),
        "F.tanhshrink" => plain(c, Var::tanhshrink),
        "F.tanh" => plain(c, Var::tanh),
        "F.sigmoid" => plain(c, Var::sigmoid),
        "F.elu" => {
            c.takes("input, alpha=1.0, inplace=False")?;
            Ok(c.var("input")?.elu(c.float("alpha")?).into())
        }
        "F.celu" => {
            c.takes("input, alpha=1.0, inplace=False")?;
            Ok(c.var("input")?.celu(c.float("alpha")?).into())
        }
        "F.leaky_relu" => {
            c.takes("input, negative_slope=0.01, inplace=False")?;
            Ok(c.var("input")?.leaky_relu(c.float("negative_slope")?).into())
        }
        "F.prelu" => {
            c.takes("input, weight")?;
            Ok(c.var("input")?.prelu(c.var("weight")?).into())
        }
        "F.hardtanh" => {
            c.takes("input, min_val=-1.0, max_val=1.0, inplace=False")?;
            Ok(c.var("input")?.hardtanh(c.float("min_val")?, c.float("max_val")?).into())
        }
        "F.hardshrink" => {
            c.takes("input, lambd=0.5")?;
            Ok(c.var("input")?.hardshrink(c.float("lambd")?).into())
        }
        "F.softshrink" => {
            c.takes("input, lambd=0.5")?;
            Ok(c.var("input")?.softshrink(c.float("lambd")?).into())
        }
        "F.threshold" => {
            c.takes("input, threshold, value, inplace=False")?;
            Ok(c.var("input")?.threshold(c.float("threshold")?, c.float("value")?).into())
        }
        "F.softplus" => {
            c.takes("input, beta=1, threshold=20")?;
            Ok(c.var("input")?.softplus_with(c.float("beta")?, c.float("threshold")?).into())
        }
        "F.gelu" => {
            c.takes("input, *, approximate='none'")?;
            let x = c.var("input")?;
            match c.string("approximate")?.as_str() {
                "none" => Ok(x.gelu().into()),
                "tanh" => Ok(x.gelu_tanh().into()),
                other => unsupported(format!("approximate='{other}'")),
            }
        }
        "F.glu" => {
            c.takes("input, dim=-1")?;
            Ok(c.var("input")?.glu(c.axis("dim")?).into())
        }
        _ => Err(Unsupported::Op),
    }
}

fn plain<'t, T: Scalar>(c: &Call<'t, T>, f: impl Fn(Var<'t, T>) -> Var<'t, T>) -> Answer<'t, T> {
    c.takes("input")?;
    Ok(f(c.var("input")?).into())
}

/// A function that PyTorch can compute in place.
fn in_place<'t, T: Scalar>(c: &Call<'t, T>, f: impl Fn(Var<'t, T>) -> Var<'t, T>) -> Answer<'t, T> {
    c.takes("input, inplace=False")?;
    Ok(f(c.var("input")?).into())
}
