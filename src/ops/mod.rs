//! The primitives, by family. `README.md` in this folder says how to add one.

pub(crate) mod activation;
pub(crate) mod arith;
pub(crate) mod binary;
pub(crate) mod index;
pub(crate) mod loss;
pub(crate) mod map;
pub(crate) mod product;
pub(crate) mod reduction;
#[cfg(test)]
mod samples;
pub(crate) mod select;
pub(crate) mod shape;
pub(crate) mod softmax;
pub(crate) mod unary;

#[cfg(test)]
use samples::{Row, Sampled};

/// An op that stands in the list below. Methods of `Var` record listed ops only, so that one that was forgotten does not compile;
/// and under test, one without sample rows does not compile either.
#[cfg(not(test))]
pub(crate) trait Listed {}
#[cfg(test)]
pub(crate) trait Listed: Sampled {}

// The only list of ops.
macro_rules! ops {
    ($($family:ident: $($op:ident),*;)*) => {
        $($(impl Listed for $family::$op {})*)*

        /// The sample rows of every op.
        #[cfg(test)]
        fn all_samples<T: crate::Scalar>() -> Vec<(&'static str, Vec<Row<T>>)> {
            vec![$($((stringify!($op), <$family::$op as Sampled>::rows::<T>())),*),*]
        }
    };
}

ops! {
    arith: Add, Sub, Mul, Div, Neg;
    unary: Abs, Exp, Expm1, Ln, Log1p, Sqrt, Rsqrt, Recip, Square, Sin, Cos, Erf, Powf;
    activation: Tanh, Sigmoid, Relu, LeakyRelu, Softplus, Gelu, GeluTanh;
    binary: Pow, Maximum, Minimum, Compare;
    select: Where, Clamp;
    reduction: Sum, Mean, Max, LogSumExp;
    softmax: Softmax, LogSoftmax, CrossEntropy, CrossEntropyGrad;
    loss: SquaredError, BceWithLogits;
    product: MatMul, Linear, SumRows;
    shape: Contiguous, Detach, BroadcastTo, SumTo, Reshape, Permute, Transpose, Slice, Embed, Concat;
    index: Gather, ScatterAdd, IndexSelect, IndexAdd;
}
