//! How does a formula over [`Real`] become a graph? Every operation records the primitive of its name.

use crate::scalar::{Real, Scalar};
use crate::var::Var;

impl<T: Scalar> Real for Var<'_, T> {
    fn lit(self, c: f64) -> Self {
        self.number(c)
    }
    fn exp(self) -> Self {
        Var::exp(self)
    }
    fn exp2(self) -> Self {
        (self * self.number(std::f64::consts::LN_2)).exp()
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
    fn sqrt(self) -> Self {
        Var::sqrt(self)
    }
    fn sin(self) -> Self {
        Var::sin(self)
    }
    fn cos(self) -> Self {
        Var::cos(self)
    }
    fn sinh(self) -> Self {
        (self.exp() - (-self).exp()) * self.number(0.5)
    }
    fn cosh(self) -> Self {
        (self.exp() + (-self).exp()) * self.number(0.5)
    }
    fn tanh(self) -> Self {
        Var::tanh(self)
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
    fn pow(self, p: Self) -> Self {
        Var::pow(self, p)
    }
    fn abs(self) -> Self {
        Var::abs(self)
    }
    fn sign(self) -> Self {
        Var::gt(self, self.number(0.0)) - Var::gt(self.number(0.0), self)
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
}
