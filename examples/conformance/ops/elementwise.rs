//! Functions of single elements: arithmetic, activations, comparisons, rounding.

use crate::call::{Answer, Call, Input, Unsupported, unsupported};
use crate::format::Value;
use wengert::{Scalar, Var};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "abs" => unary(c, Var::abs),
        "exp" => unary(c, Var::exp),
        "expm1" => unary(c, Var::expm1),
        "log" => unary(c, Var::ln),
        "log1p" => unary(c, Var::log1p),
        "sqrt" => unary(c, Var::sqrt),
        "rsqrt" => unary(c, Var::rsqrt),
        "reciprocal" => unary(c, Var::recip),
        "square" => unary(c, Var::square),
        "sin" => unary(c, Var::sin),
        "cos" => unary(c, Var::cos),
        "erf" => unary(c, Var::erf),
        "tanh" => unary(c, Var::tanh),
        "sigmoid" => unary(c, Var::sigmoid),
        "neg" => unary(c, |x| -x),
        "maximum" => binary(c, |a, b| a.maximum(b)),
        "minimum" => binary(c, |a, b| a.minimum(b)),
        "pow" => {
            c.takes("input, exponent")?;
            Ok(c.var("input")?.pow(c.operand("exponent")?).into())
        }
        "add" => scaled(c, |a, b| a + b),
        "sub" => scaled(c, |a, b| a - b),
        "mul" => binary(c, |a, b| a * b),
        "div" => {
            c.takes("input, other, *, rounding_mode=None")?;
            Ok((c.var("input")? / c.operand("other")?).into())
        }
        "F.relu" => activation(c, Var::relu),
        "F.leaky_relu" => {
            c.takes("input, negative_slope=0.01, inplace=False")?;
            Ok(c.var("input")?.leaky_relu(c.float("negative_slope")?).into())
        }
        "F.softplus" => {
            c.takes("input, beta=1, threshold=20")?;
            Ok(c.var("input")?.softplus_with(c.float("beta")?, c.float("threshold")?).into())
        }
        "F.gelu" => {
            c.takes("input, approximate='none'")?;
            let x = c.var("input")?;
            match c.string("approximate")?.as_str() {
                "none" => Ok(x.gelu().into()),
                "tanh" => Ok(x.gelu_tanh().into()),
                other => unsupported(format!("approximate='{other}'")),
            }
        }
        "where" => where_cond(c),
        "masked_fill" => {
            c.takes("input, mask, value")?;
            let value = c.operand("value")?;
            if value.ndim() > 0 {
                return unsupported("a value with axes: that is `where_cond`");
            }
            Ok(c.mask("mask")?.where_cond(value, c.var("input")?).into())
        }
        "clamp" => {
            c.takes("input, min=None, max=None")?;
            let (low, high) = (c.opt_float("min")?, c.opt_float("max")?);
            Ok(c.var("input")?.clamp(low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY)).into())
        }
        _ => Err(Unsupported::Op),
    }
}

/// A function of one argument.
fn unary<'t, T: Scalar>(c: &Call<'t, T>, f: impl Fn(Var<'t, T>) -> Var<'t, T>) -> Answer<'t, T> {
    c.takes("input")?;
    Ok(f(c.var("input")?).into())
}

/// A function of one argument that PyTorch can compute in place.
fn activation<'t, T: Scalar>(c: &Call<'t, T>, f: impl Fn(Var<'t, T>) -> Var<'t, T>) -> Answer<'t, T> {
    c.takes("input, inplace=False")?;
    Ok(f(c.var("input")?).into())
}

fn binary<'t, T: Scalar>(c: &Call<'t, T>, f: impl Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T>) -> Answer<'t, T> {
    c.takes("input, other")?;
    Ok(f(c.var("input")?, c.operand("other")?).into())
}

/// With the second operand times `alpha`.
fn scaled<'t, T: Scalar>(c: &Call<'t, T>, f: impl Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T>) -> Answer<'t, T> {
    c.takes("input, other, *, alpha=1")?;
    let (a, b, alpha) = (c.var("input")?, c.operand("other")?, c.float("alpha")?);
    Ok(f(a, if alpha == 1.0 { b } else { b * T::from_f64(alpha) }).into())
}

/// `torch.where(condition, input, other)`, or `input.where(condition, other)`.
fn where_cond<'t, T: Scalar>(c: &Call<'t, T>) -> Answer<'t, T> {
    let method = matches!(c.positional(), [_, Value::Tensor(Input::Mask(_)), ..]);
    c.takes(if method { "input, condition, other" } else { "condition, input, other" })?;
    Ok(c.mask("condition")?.where_cond(c.operand("input")?, c.operand("other")?).into())
}
