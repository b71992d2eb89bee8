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
pub(crate) mod correlate;
pub(crate) mod create;
pub(crate) mod cross_entropy;
pub(crate) mod determinant;
pub(crate) mod distance;
pub(crate) mod einsum;
pub(crate) mod embedding;
pub(crate) mod entropy;
pub(crate) mod extent;
pub(crate) mod functional;
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
mod real_var;
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
pub(crate) mod sparse;
pub(crate) mod triangular;
pub(crate) mod trig;
pub(crate) mod unary;
pub(crate) mod unfold;
pub(crate) mod unpool;

#[cfg(test)]
use samples::Row;
#[cfg(test)]
pub(crate) use samples::Sampled;

use crate::tape::op::erase::{Attributed, Erase, EraseNumber, Fixed, Listed};

// The only list of ops: functions of one number (`maps`), of two (`zips`), the four operations and their gradients, what else has a short way for numbers, and all
// others.
macro_rules! ops {
    (@one $op:ty, $fixed:ident) => {
        // Not inline: a function as small as these would be compiled where it is called, and with it all of the op.
        impl Listed for $op {
            #[inline(never)]
            fn fixed_f32() -> &'static Fixed<f32> {
                Self::$fixed.expect("it has attributes")
            }
            #[inline(never)]
            fn fixed_f64() -> &'static Fixed<f64> {
                Self::$fixed.expect("it has attributes")
            }
            #[inline(never)]
            fn attributed_f32(op: &mut Option<Self>) -> &mut dyn Attributed<f32> {
                if const { size_of::<Self>() == 0 } { unreachable!("it has none") } else { op }
            }
            #[inline(never)]
            fn attributed_f64(op: &mut Option<Self>) -> &mut dyn Attributed<f64> {
                if const { size_of::<Self>() == 0 } { unreachable!("it has none") } else { op }
            }
        }
    };
    (
        maps { $($map_family:ident: $($map:ident),*;)* }
        zips { $($zip_family:ident: $($zip:ident),*;)* }
        operations { $($arith_family:ident: $($arith:ident),*;)* }
        numbers { $($number_family:ident: $($number:ident),*;)* }
        others { $($family:ident: $($op:ident),*;)* }
    ) => {
        $($(ops!(@one map::Map<$map_family::$map>, FIXED_NUMBER);)*)*
        $($(ops!(@one map::Zip<$zip_family::$zip>, FIXED_NUMBER);)*)*
        $($(ops!(@one arith::Arith<$arith_family::$arith>, FIXED_NUMBER);)*)*
        $($(ops!(@one $number_family::$number, FIXED_NUMBER);)*)*
        $($(ops!(@one $family::$op, FIXED);)*)*

        /// The sample rows of every op.
        #[cfg(test)]
        fn all_samples<T: crate::Scalar>() -> Vec<(&'static str, Vec<Row<T>>)> {
            vec![
                $($((stringify!($map), <$map_family::$map as Sampled>::rows::<T>()),)*)*
                $($((stringify!($zip), <$zip_family::$zip as Sampled>::rows::<T>()),)*)*
                $($((stringify!($arith), <$arith_family::$arith as Sampled>::rows::<T>()),)*)*
                $($((stringify!($number), <$number_family::$number as Sampled>::rows::<T>()),)*)*
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
        rounding: Fmod, Remainder, DivFloor, DivTrunc;
        rectifier: Prelu;
        loss: SquaredError, PoissonNll;
        entropy: Bce, BceWithLogits, KlDiv;
    }
    operations {
        arith: Add, Sub, Mul, Div, MulGrad, DivGrad, MulOfCotangents;
    }
    numbers {
        arith: Neg;
    }
    others {
        binary: Compare;
        select: Where;
        reduction: ReduceSum, ReduceProd, ReduceMax, LogSumExp;
        softmax: Softmax, MaskedSoftmax, LogSoftmax;
        cross_entropy: CrossEntropy, CrossEntropyGrad;
        product: MatMul, FullyConnected, SumRows;
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
        correlate: Correlate1d;
        conv: ConvOutput, ConvInputGrad, ConvWeightGrad;
        moment: Variance, Deviation, Center;
        distance: VectorNorm, VectorNormGrad;
        batch_norm: ChannelMoments, ChannelAffine, ChannelSums;
        norm: Standardize, StandardizeGrad, Reciprocal;
        nuclear: NuclearNorm, Polar;
        pool: MaxPool, MaxPick, MaxPlace;
        avg_pool: AvgPool, AvgSpread;
        unpool: MaxUnpool, MaxUnpoolGrad;
        sparse: AxisMap;
        grid_sample: Taps;
    }
}
