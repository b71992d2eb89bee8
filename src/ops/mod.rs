//! The primitives, by family. `README.md` in this folder says how to add one.

pub(crate) mod activation;
pub(crate) mod advanced;
pub(crate) mod arith;
pub(crate) mod attention;
pub(crate) mod avg_pool;
pub(crate) mod batch_norm;
pub(crate) mod binary;
pub(crate) mod compose;
pub(crate) mod conv;
pub(crate) mod cross_entropy;
pub(crate) mod determinant;
pub(crate) mod distance;
pub(crate) mod einsum;
pub(crate) mod embedding;
pub(crate) mod entropy;
pub(crate) mod extent;
pub(crate) mod grid_sample;
pub(crate) mod index;
pub(crate) mod indices;
pub(crate) mod join;
pub(crate) mod linalg;
pub(crate) mod loss;
pub(crate) mod map;
pub(crate) mod margin;
pub(crate) mod moment;
pub(crate) mod norm;
pub(crate) mod nuclear;
pub(crate) mod pad_mode;
pub(crate) mod pixels;
pub(crate) mod pool;
pub(crate) mod product;
pub(crate) mod rectifier;
pub(crate) mod reduction;
pub(crate) mod resample;
pub(crate) mod rounding;
#[cfg(test)]
mod samples;
pub(crate) mod scan;
pub(crate) mod select;
pub(crate) mod shape;
pub(crate) mod slice;
pub(crate) mod softmax;
pub(crate) mod sort;
pub(crate) mod triangular;
pub(crate) mod trig;
pub(crate) mod unary;
pub(crate) mod unfold;
pub(crate) mod unpool;

#[cfg(test)]
use samples::{Row, Sampled};

use crate::kernels::elementwise::zip_in_place;
use crate::kernels::strided;
use crate::op::{Op, View};
use crate::scalar::Scalar;
use std::sync::Arc;

/// The two ways to forget an op's type. Two functions rather than one that returns an enum: a reference comes back in registers, and
/// graphs of numbers are all overhead.
pub struct Erase<T: 'static, O> {
    /// For ops without attributes.
    pub to_static: fn(O) -> &'static dyn Op<T>,
    /// For ops with attributes.
    pub to_shared: fn(O) -> Arc<dyn Op<T>>,
}

/// A box of a type without size allocates nothing, so that leaking it leaks nothing: it is the way to a static reference.
fn to_static<T: Scalar, O: Op<T>>(op: O) -> &'static dyn Op<T> {
    assert!(size_of::<O>() == 0);
    Box::leak(Box::new(op))
}
fn to_shared<T: Scalar, O: Op<T>>(op: O) -> Arc<dyn Op<T>> {
    Arc::new(op)
}

/// Forgets the type of any op; its code is compiled in the crate that says so.
pub(crate) fn erase<T: Scalar, O: Op<T>>() -> Erase<T, O> {
    Erase { to_static, to_shared }
}

/// An op that stands in the list below. Methods of `Var` record listed ops only, so that one that was forgotten does not compile;
/// and under test, one without sample rows does not compile either.
///
/// The functions behind its methods are not generic, so that the op's kernels and rules are compiled in this crate, once, with its optimisation, and not again
/// in every crate that uses them.
pub trait Listed: Sized + Op<f32> + Op<f64> + PartialEq + Tested {
    /// Forgets its type, for `f32`.
    fn erase_f32() -> Erase<f32, Self>;
    /// Forgets its type, for `f64`.
    fn erase_f64() -> Erase<f64, Self>;
}

/// Under test, listed ops must have sample rows.
#[cfg(test)]
pub trait Tested: Sampled {}
#[cfg(test)]
impl<O: Sampled> Tested for O {}
#[cfg(not(test))]
pub trait Tested {}
#[cfg(not(test))]
impl<O> Tested for O {}

/// What generic code asks of the number type, so that it is compiled in this crate: see [`Listed`].
pub trait Engine: Sized + 'static {
    /// Forgets a listed op's type.
    fn erase<O: Listed>() -> Erase<Self, O>;
    /// `x += y`
    fn add_in_place(x: &mut [Self], y: &[Self]);
    /// Copies a view's elements into logical order.
    fn lay_out(x: View<'_, Self>, y: &mut [Self]);
}

impl Engine for f32 {
    fn erase<O: Listed>() -> Erase<f32, O> {
        O::erase_f32()
    }
    fn add_in_place(x: &mut [f32], y: &[f32]) {
        zip_in_place(arith::Arith(arith::Add), x, y);
    }
    fn lay_out(x: View<'_, f32>, y: &mut [f32]) {
        strided::copy(x, y);
    }
}

impl Engine for f64 {
    fn erase<O: Listed>() -> Erase<f64, O> {
        O::erase_f64()
    }
    fn add_in_place(x: &mut [f64], y: &[f64]) {
        zip_in_place(arith::Arith(arith::Add), x, y);
    }
    fn lay_out(x: View<'_, f64>, y: &mut [f64]) {
        strided::copy(x, y);
    }
}

// The only list of ops: functions of one number (`maps`), of two (`zips`), the four operations, and all others.
macro_rules! ops {
    (@one $op:ty) => {
        impl Listed for $op {
            #[inline(always)]
            fn erase_f32() -> Erase<f32, Self> {
                fn fixed(op: $op) -> &'static dyn Op<f32> {
                    to_static(op)
                }
                fn shared(op: $op) -> Arc<dyn Op<f32>> {
                    to_shared(op)
                }
                Erase { to_static: fixed, to_shared: shared }
            }
            #[inline(always)]
            fn erase_f64() -> Erase<f64, Self> {
                fn fixed(op: $op) -> &'static dyn Op<f64> {
                    to_static(op)
                }
                fn shared(op: $op) -> Arc<dyn Op<f64>> {
                    to_shared(op)
                }
                Erase { to_static: fixed, to_shared: shared }
            }
        }
    };
    (
        maps { $($map_family:ident: $($map:ident),*;)* }
        zips { $($zip_family:ident: $($zip:ident),*;)* }
        operations { $($arith_family:ident: $($arith:ident),*;)* }
        others { $($family:ident: $($op:ident),*;)* }
    ) => {
        $($(ops!(@one map::Map<$map_family::$map>);)*)*
        $($(ops!(@one map::Zip<$zip_family::$zip>);)*)*
        $($(ops!(@one arith::Arith<$arith_family::$arith>);)*)*
        $($(ops!(@one $family::$op);)*)*

        /// The sample rows of every op.
        #[cfg(test)]
        fn all_samples<T: crate::Scalar>() -> Vec<(&'static str, Vec<Row<T>>)> {
            vec![
                $($((stringify!($map), <$map_family::$map as Sampled>::rows::<T>()),)*)*
                $($((stringify!($zip), <$zip_family::$zip as Sampled>::rows::<T>()),)*)*
                $($((stringify!($arith), <$arith_family::$arith as Sampled>::rows::<T>()),)*)*
                $($((stringify!($op), <$family::$op as Sampled>::rows::<T>()),)*)*
            ]
        }
    };
}

ops! {
    maps {
        unary: Abs, Exp, Exp2, Expm1, Ln, Log1p, Log2, Log10, Logit, Sqrt, Rsqrt, Recip, Square, Erf, Erfc, Powf;
        trig: Sin, Cos, Tan, Sinc, Asin, Acos, Atan, Sinh, Cosh, Asinh, Acosh, Atanh;
        rounding: Floor, Ceil, Trunc, Round, Sign;
        activation: Tanh, Sigmoid, Softplus, LogSigmoid, Silu, Mish, Softsign, Tanhshrink, Gelu, GeluTanh;
        rectifier: Relu, LeakyRelu, Elu, Hardtanh, Hardsigmoid, Hardswish, Hardshrink, Softshrink, Threshold;
        select: Clamp;
        loss: Huber;
    }
    zips {
        binary: Pow, Hypot, Xlogy, LogAddExp, Maximum, Minimum;
        trig: Atan2;
        rounding: Fmod, DivFloor, DivTrunc;
        rectifier: Prelu;
        loss: SquaredError, PoissonNll;
        entropy: Bce, BceWithLogits, KlDiv;
    }
    operations {
        arith: Add, Sub, Mul, Div;
    }
    others {
        arith: Neg;
        binary: Compare;
        select: Where;
        reduction: Sum, Mean, Prod, Max, LogSumExp;
        softmax: Softmax, MaskedSoftmax, LogSoftmax;
        cross_entropy: CrossEntropy, CrossEntropyGrad;
        product: MatMul, Linear, SumRows;
        shape: Contiguous, Detach, BroadcastTo, SumTo, Reshape, Permute, Transpose;
        join: Concat;
        slice: Slice, Embed;
        index: Gather, ScatterAdd, IndexSelect, IndexAdd;
        linalg: LuFactor, LuSolve, Inv;
        determinant: Det;
        triangular: SolveTriangular, Cholesky;
        scan: CumSum, Recurrence, CumProd, LogCumSumExp;
        extent: Triangle, Diagonal, OnDiagonal, Windows, OverlapAdd;
        unfold: Im2col, Col2im;
        conv: ConvOutput, ConvInputGrad, ConvWeightGrad;
        moment: Variance, Deviation, Center;
        distance: VectorNorm, VectorNormGrad;
        batch_norm: ChannelMoments, ChannelAffine, ChannelSums;
        norm: Standardize, StandardizeGrad, Reciprocal;
        nuclear: NuclearNorm, Polar;
        pool: MaxPool, MaxPick, MaxPlace;
        avg_pool: AvgPool, AvgSpread;
        unpool: MaxUnpool, MaxUnpoolGrad;
        resample: AxisMap;
        grid_sample: Taps;
    }
}
