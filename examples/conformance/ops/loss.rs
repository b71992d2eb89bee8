//! Softmax and losses.

use crate::call::{Answer, Call, Unsupported};
use wengert::Scalar;

pub fn call<'t, T: Scalar>(op: &str, _: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        _ => Err(Unsupported::Op),
    }
}
