//! How does a formula over [`Real`] become a graph? Every operation records the primitive of its name.

use crate::array::scalar::{Real, Scalar};
use crate::tape::var::Var;

impl<T: Scalar> Real for Var<'_, T> {
    fn lit(self, c: f64) -> Self {
        self.number(c)
    }
    fn exp(self) -> Self {
        Var::exp(self)
    }
    fn exp2(self) -> Self {
        Var::exp2(self)
    }
    fn expm1(self) -> Self {
        Var::expm1(self)
    }
    fn ln(self) -> Self {
        Var::ln(self)
    }
    fn log1p(self) -> Self {
        Var::log1p(self)
    }
    fn log2(self) -> Self {
        Var::log2(self)
    }
    fn log10(self) -> Self {
        Var::log10(self)
    }
    fn sqrt(self) -> Self {
        Var::sqrt(self)
    }
    fn sin(self) -> Self {
        Var::sin(self)
    }
    fn cos(self) -> Self {
        Var::cos(self)
    }
    fn tan(self) -> Self {
        Var::tan(self)
    }
    fn asin(self) -> Self {
        Var::asin(self)
    }
    fn acos(self) -> Self {
        Var::acos(self)
    }
    fn atan(self) -> Self {
        Var::atan(self)
    }
    fn atan2(self, other: Self) -> Self {
        Var::atan2(self, other)
    }
    fn sinh(self) -> Self {
        Var::sinh(self)
    }
    fn cosh(self) -> Self {
        Var::cosh(self)
    }
    fn tanh(self) -> Self {
        Var::tanh(self)
    }
    fn asinh(self) -> Self {
        Var::asinh(self)
    }
    fn acosh(self) -> Self {
        Var::acosh(self)
    }
    fn atanh(self) -> Self {
        Var::atanh(self)
    }
    fn sigmoid(self) -> Self {
        Var::sigmoid(self)
    }
    fn softplus(self) -> Self {
        self.softplus_with(1.0, f64::INFINITY)
    }
    fn erf(self) -> Self {
        Var::erf(self)
    }
    fn erfc(self) -> Self {
        Var::erfc(self)
    }
    fn pow(self, p: Self) -> Self {
        Var::pow(self, p)
    }
    fn hypot(self, other: Self) -> Self {
        Var::hypot(self, other)
    }
    fn fmod(self, other: Self) -> Self {
        Var::fmod(self, other)
    }
    fn floor(self) -> Self {
        Var::floor(self)
    }
    fn ceil(self) -> Self {
        Var::ceil(self)
    }
    fn trunc(self) -> Self {
        Var::trunc(self)
    }
    fn round(self) -> Self {
        Var::round(self)
    }
    fn abs(self) -> Self {
        Var::abs(self)
    }
    fn sign(self) -> Self {
        Var::sign(self)
    }
    fn gt(self, other: Self) -> Self {
        Var::gt(self, other)
    }
    fn ge(self, other: Self) -> Self {
        Var::ge(self, other)
    }
    fn equal(self, other: Self) -> Self {
        Var::equal(self, other)
    }
    fn select(self, a: Self, b: Self) -> Self {
        self.where_cond(a, b)
    }
    fn detach(self) -> Self {
        Var::detach(self)
    }
}
