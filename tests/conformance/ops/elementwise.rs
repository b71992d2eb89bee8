//! Functions of single elements: arithmetic, powers, circular functions, comparisons, rounding. (Activations are in `activation.rs`.)

use super::super::call::{Answer, Call, Input, Unsupported, unsupported};
use super::super::format::Value;
use ndarray::ArrayD;
use wengert::{Indices, Scalar, Var};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "abs" => unary(c, Var::abs),
        "exp" => unary(c, Var::exp),
        "exp2" => unary(c, Var::exp2),
        "expm1" => unary(c, Var::expm1),
        "log" => unary(c, Var::ln),
        "log1p" => unary(c, Var::log1p),
        "log2" => unary(c, Var::log2),
        "log10" => unary(c, Var::log10),
        "sqrt" => unary(c, Var::sqrt),
        "rsqrt" => unary(c, Var::rsqrt),
        "reciprocal" => unary(c, Var::recip),
        "square" => unary(c, Var::square),
        "erf" => unary(c, Var::erf),
        "erfc" => unary(c, Var::erfc),
        "sin" => unary(c, Var::sin),
        "sinc" => unary(c, Var::sinc),
        "cos" => unary(c, Var::cos),
        "tan" => unary(c, Var::tan),
        "asin" => unary(c, Var::asin),
        "acos" => unary(c, Var::acos),
        "atan" => unary(c, Var::atan),
        "sinh" => unary(c, Var::sinh),
        "cosh" => unary(c, Var::cosh),
        "tanh" => unary(c, Var::tanh),
        "asinh" => unary(c, Var::asinh),
        "acosh" => unary(c, Var::acosh),
        "atanh" => unary(c, Var::atanh),
        "sigmoid" => unary(c, Var::sigmoid),
        "floor" => unary(c, Var::floor),
        "ceil" => unary(c, Var::ceil),
        "trunc" => unary(c, Var::trunc),
        "frac" => unary(c, Var::frac),
        "sign" => unary(c, Var::sign),
        "neg" => unary(c, |x| -x),
        "round" => {
            c.takes("input, *, decimals=0")?;
            Ok(c.var("input")?.round_decimals(i32::try_from(c.int("decimals")?).map_err(|e| e.to_string())?).into())
        }
        "logit" => {
            c.takes("input, eps=None")?;
            Ok(c.var("input")?.logit(c.opt_float("eps")?).into())
        }
        "maximum" => binary(c, |a, b| a.maximum(b)),
        "minimum" => binary(c, |a, b| a.minimum(b)),
        "atan2" => binary(c, |a, b| a.atan2(b)),
        "hypot" => binary(c, |a, b| a.hypot(b)),
        "xlogy" => {
            c.takes("input, other")?;
            let (a, b) = either(c, "input", "other")?;
            Ok(a.xlogy(b).into())
        }
        "logaddexp" => binary(c, |a, b| a.logaddexp(b)),
        "fmod" => binary(c, |a, b| a.fmod(b)),
        "remainder" => {
            c.takes("input, other")?;
            let (a, b) = either(c, "input", "other")?;
            Ok(a.remainder(b).into())
        }
        "gt" => binary(c, |a, b| a.gt(b)),
        "ge" => binary(c, |a, b| a.ge(b)),
        "lt" => binary(c, |a, b| a.lt(b)),
        "le" => binary(c, |a, b| a.le(b)),
        "eq" => binary(c, |a, b| a.equal(b)),
        "ne" => binary(c, |a, b| a.not_equal(b)),
        "pow" => {
            c.takes("input, exponent")?;
            match c.float("exponent") {
                Ok(p) => Ok(c.var("input")?.powf(p).into()),
                Err(_) => Ok(c.operand("input")?.pow(c.var("exponent")?).into()),
            }
        }
        "add" => {
            c.takes("input, other, *, alpha=1")?;
            let (a, b) = either(c, "input", "other")?;
            Ok(a.add_scaled(b, c.float("alpha")?).into())
        }
        "sub" => {
            c.takes("input, other, *, alpha=1")?;
            let (a, b) = either(c, "input", "other")?;
            Ok(a.sub_scaled(b, c.float("alpha")?).into())
        }
        "mul" => {
            c.takes("input, other")?;
            let (a, b) = either(c, "input", "other")?;
            Ok((a * b).into())
        }
        "div" => {
            c.takes("input, other, *, rounding_mode=None")?;
            let (a, b) = either(c, "input", "other")?;
            match c.opt_string("rounding_mode")?.as_deref() {
                None => Ok((a / b).into()),
                Some("floor") => Ok(a.div_floor(b).into()),
                Some("trunc") => Ok(a.div_trunc(b).into()),
                Some(other) => unsupported(format!("rounding_mode='{other}'")),
            }
        }
        "lerp" => {
            c.takes("input, end, weight")?;
            Ok(c.var("input")?.lerp(c.var("end")?, c.operand("weight")?).into())
        }
        "addcmul" => {
            c.takes("input, tensor1, tensor2, *, value=1")?;
            Ok(c.var("input")?.addcmul(c.var("tensor1")?, c.var("tensor2")?, c.float("value")?).into())
        }
        "addcdiv" => {
            c.takes("input, tensor1, tensor2, *, value=1")?;
            Ok(c.var("input")?.addcdiv(c.var("tensor1")?, c.var("tensor2")?, c.float("value")?).into())
        }
        "where" => where_cond(c),
        "masked_fill" => {
            c.takes("input, mask, value")?;
            Ok(c.var("input")?.masked_fill(c.mask("mask")?, c.operand("value")?).into())
        }
        "clamp" => clamp(c),
        _ => Err(Unsupported::Op),
    }
}

/// A function of one argument.
fn unary<'t, T: Scalar>(c: &Call<'t, T>, f: impl Fn(Var<'t, T>) -> Var<'t, T>) -> Answer<'t, T> {
    c.takes("input")?;
    Ok(f(c.var("input")?).into())
}

fn binary<'t, T: Scalar>(c: &Call<'t, T>, f: impl Fn(Var<'t, T>, Var<'t, T>) -> Var<'t, T>) -> Answer<'t, T> {
    c.takes("input, other")?;
    Ok(f(c.var("input")?, c.operand("other")?).into())
}

/// Two arguments either of which may be a number, but not both.
fn either<'t, T: Scalar>(c: &Call<'t, T>, first: &str, second: &str) -> Result<(Var<'t, T>, Var<'t, T>), Unsupported> {
    if [first, second].iter().all(|name| c.float(name).is_ok()) {
        return unsupported("two numbers, which have no tape");
    }
    Ok((c.operand(first)?, c.operand(second)?))
}

/// `torch.where(condition, input, other)`, or `input.where(condition, other)`.
fn where_cond<'t, T: Scalar>(c: &Call<'t, T>) -> Answer<'t, T> {
    let method = matches!(c.positional(), [_, Value::Tensor(Input::Mask(_)), ..]);
    c.takes(if method { "input, condition, other" } else { "condition, input, other" })?;
    Ok(c.mask("condition")?.where_cond(c.operand("input")?, c.operand("other")?).into())
}

/// Between numbers, or between arrays of numbers whole or not.
fn clamp<'t, T: Scalar>(c: &Call<'t, T>) -> Answer<'t, T> {
    c.takes("input, min=None, max=None")?;
    let x = c.var("input")?;
    let bound = |name: &str| match c.arg(name) {
        Value::Tensor(Input::Ints(whole)) => Ok(Some(floats(c, &whole))),
        _ => c.opt_operand(name),
    };
    if ["min", "max"].iter().any(|name| matches!(c.arg(name), Value::Tensor(_))) {
        return Ok(x.clamp_within(bound("min")?, bound("max")?).into());
    }
    let (low, high) = (c.opt_float("min")?, c.opt_float("max")?);
    if low.is_none() && high.is_none() {
        return unsupported("neither bound is given");
    }
    Ok(x.clamp(low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY)).into())
}

/// Whole numbers as an array of the tape's type.
fn floats<'t, T: Scalar>(c: &Call<'t, T>, whole: &Indices) -> Var<'t, T> {
    let values = whole.values().iter().map(|&i| T::from_f64(i as f64)).collect();
    c.tape.constant(ArrayD::from_shape_vec(whole.shape().to_vec(), values).expect("as many as the shape says"))
}
