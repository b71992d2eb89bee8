//! Torch functions in terms of ours, one family a file.
//!
//! A mapping is one arm of its family's `match`. It begins with the torch function's parameters as Python writes them, and then asks for
//! each by name; it does not matter how they were given:
//! ```ignore
//! "softmax" => {
//!     c.takes("input, dim, *, dtype=None")?;
//!     c.var("input")?.softmax(c.axis("dim")?).into()
//! }
//! ```
//! An argument that was given, is not the default and was never asked for makes the call unsupported, so that none is ignored silently:
//! here, a `dtype`. A value that ours does not take is unsupported with a reason: `return unsupported("...")`.

mod activation;
mod conv;
mod einsum;
mod elementwise;
mod extent;
mod index;
mod linalg;
mod loss;
mod norm;
mod pool;
mod product;
mod reduction;
mod resample;
mod scan;
mod shape;
mod sort;

use super::call::{Answer, Call, Unsupported, unsupported};
use wengert::Scalar;

/// Calls ours for a torch function.
pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    let families = [
        elementwise::call,
        activation::call,
        reduction::call,
        product::call,
        shape::call,
        index::call,
        loss::call,
        norm::call,
        conv::call,
        pool::call,
        resample::call,
        scan::call,
        sort::call,
        extent::call,
        einsum::call,
        linalg::call,
    ];
    for family in families {
        match family(op, c) {
            Err(Unsupported::Op) => {}
            answer => return answer.and_then(|outs| c.all_read().map(|()| outs)),
        }
    }
    unsupported(format!("there is no `{op}`"))
}
