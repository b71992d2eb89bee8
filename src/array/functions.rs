//! Which real functions are there?

/// The only list of them. A line names a function, with its second argument if it has one; the text above it is its documentation. Those
/// under `vecmath` are written in `vecmath/`; those under `std` are the standard library's, by the names behind `=`.
///
/// `real_functions!(m)` hands the list to the macro `m`, which makes methods of it: those of `Real` and `Num` in `scalar.rs`, of `Var` in
/// `ops/real_var.rs`, and of `VecMath` in `vecmath/mod.rs`.
///
/// To add a function: a line here, its mathematics for `f32` and `f64` in `vecmath/`, and a method of `Var`.
macro_rules! real_functions {
    ($then:ident) => {
        $then! {
            vecmath {
                /// `e^x`.
                exp;
                /// `2^x`.
                exp2;
                /// `e^x - 1`, accurate near 0.
                expm1;
                /// Natural logarithm.
                ln;
                /// `ln(1 + x)`, accurate near 0.
                log1p;
                /// Logarithm to base 2.
                log2;
                /// Logarithm to base 10.
                log10;
                /// Sine. (In an op, of numbers up to [`Unary::BOUND`](crate::Unary::BOUND).)
                sin;
                /// Cosine. (In an op, of numbers up to [`Unary::BOUND`](crate::Unary::BOUND).)
                cos;
                /// Tangent. (In an op, of numbers up to [`Unary::BOUND`](crate::Unary::BOUND).)
                tan;
                /// Inverse sine.
                asin;
                /// Inverse cosine.
                acos;
                /// Inverse tangent.
                atan;
                /// The angle of the point (x, y) = (other, self).
                atan2(other);
                /// Hyperbolic sine.
                sinh;
                /// Hyperbolic cosine.
                cosh;
                /// Hyperbolic tangent.
                tanh;
                /// Inverse hyperbolic sine.
                asinh;
                /// Inverse hyperbolic cosine.
                acosh;
                /// Inverse hyperbolic tangent.
                atanh;
                /// `1 / (1 + e^-x)`.
                sigmoid;
                /// `ln(1 + e^x)`, without overflow.
                softplus;
                /// The error function.
                erf;
                /// `1 - erf(x)`, accurate where it is small.
                erfc;
                /// `x^p`, as C's `pow` has it.
                pow(p);
                /// `sqrt(x^2 + y^2)`, without overflow.
                hypot(other);
            }
            std {
                /// Square root.
                sqrt = sqrt;
                /// What a division to a whole quotient leaves, exactly, with the sign of self.
                fmod(other) = rem;
                /// The largest whole number that is not above.
                floor = floor;
                /// The smallest whole number that is not below.
                ceil = ceil;
                /// The whole part.
                trunc = trunc;
                /// The nearest whole number, the even one of two.
                round = round_ties_even;
                /// Absolute value.
                abs = abs;
            }
        }
    };
}
pub(crate) use real_functions;
