//! Activation functions, elementwise: each is its value, its slope and a method.

use crate::ops::map::{Map, Unary};
use crate::scalar::{Real, Scalar};
use crate::var::Var;

// ------------------------------------------------------------------------------------------------------------ tanh

/// `tanh(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tanh;

impl Unary for Tanh {
    const NAME: &'static str = "tanh";
    const GRAD_NAME: &'static str = "tanh_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.tanh()
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y.lit(1.0) - y * y
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The hyperbolic tangent, elementwise. Derivative: 1 - y^2.
    #[track_caller]
    pub fn tanh(self) -> Self {
        self.record(Map(Tanh))
    }
}

// --------------------------------------------------------------------------------------------------------- sigmoid

/// `sigmoid(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sigmoid;

impl Unary for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const GRAD_NAME: &'static str = "sigmoid_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.sigmoid()
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y * (y.lit(1.0) - y)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The logistic function 1/(1 + e^-x), elementwise. Derivative: y (1 - y).
    #[track_caller]
    pub fn sigmoid(self) -> Self {
        self.record(Map(Sigmoid))
    }
}

// ------------------------------------------------------------------------------------------------------------ relu

/// `relu(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Relu;

impl Unary for Relu {
    const NAME: &'static str = "relu";
    const GRAD_NAME: &'static str = "relu_grad";
    const GRAIN: usize = 32 * 1024;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.max(x.lit(0.0))
    }
    #[inline(always)]
    fn df<R: Real>(self, _: R, y: R) -> R {
        y.gt(y.lit(0.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// max(x, 0), elementwise. Derivative: 1 where x > 0, else 0 (also at 0).
    #[track_caller]
    pub fn relu(self) -> Self {
        self.record(Map(Relu))
    }
}

// ---------------------------------------------------------------------------------------------------------- leaky_relu

/// `x` where x > 0, else `slope * x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LeakyRelu(f64);

impl Unary for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const GRAD_NAME: &'static str = "leaky_relu_grad";
    const GRAIN: usize = 32 * 1024;
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x.gt(x.lit(0.0)).select(x, x * x.lit(self.0))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.gt(x.lit(0.0)).select(x.lit(1.0), x.lit(self.0))
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x where x > 0, else `slope * x` (PyTorch's default slope is 0.01). Derivative: 1 where x > 0, else `slope`.
    #[track_caller]
    pub fn leaky_relu(self, slope: f64) -> Self {
        self.record(Map(LeakyRelu(slope)))
    }
}

// ------------------------------------------------------------------------------------------------------------ softplus

/// `ln(1 + e^(beta x)) / beta`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Softplus {
    beta: f64,
    threshold: f64,
}

impl Unary for Softplus {
    const NAME: &'static str = "softplus";
    const GRAD_NAME: &'static str = "softplus_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        let bx = x * x.lit(self.beta);
        bx.gt(x.lit(self.threshold)).select(x, bx.softplus() / x.lit(self.beta))
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let bx = x * x.lit(self.beta);
        bx.gt(x.lit(self.threshold)).select(x.lit(1.0), bx.sigmoid())
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// ln(1 + e^x), a smooth relu; x itself above 20, as PyTorch has it. Derivative: sigmoid(x).
    #[track_caller]
    pub fn softplus(self) -> Self {
        self.softplus_with(1.0, 20.0)
    }
    /// ln(1 + e^(beta x)) / beta, and x itself where beta x > threshold. Derivative: sigmoid(beta x), or 1.
    #[track_caller]
    pub fn softplus_with(self, beta: f64, threshold: f64) -> Self {
        self.record(Map(Softplus { beta, threshold }))
    }
}

// ---------------------------------------------------------------------------------------------------------------- gelu

/// `x Phi(x)`, Phi the normal distribution function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gelu;

impl Unary for Gelu {
    const NAME: &'static str = "gelu";
    const GRAD_NAME: &'static str = "gelu_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        x * normal_cdf(x)
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let density = (x * x * x.lit(-0.5)).exp() * x.lit(0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
        normal_cdf(x) + x * density
    }
}

#[inline(always)]
fn normal_cdf<R: Real>(x: R) -> R {
    ((x * x.lit(std::f64::consts::FRAC_1_SQRT_2)).erf() + x.lit(1.0)) * x.lit(0.5)
}

/// `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GeluTanh;

const GELU_SCALE: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2; // sqrt(2/pi)
const GELU_CUBIC: f64 = 0.044715;

impl Unary for GeluTanh {
    const NAME: &'static str = "gelu_tanh";
    const GRAD_NAME: &'static str = "gelu_tanh_grad";
    #[inline(always)]
    fn f<R: Real>(self, x: R) -> R {
        let t = ((x + x * x * x * x.lit(GELU_CUBIC)) * x.lit(GELU_SCALE)).tanh();
        x * (t + x.lit(1.0)) * x.lit(0.5)
    }
    #[inline(always)]
    fn df<R: Real>(self, x: R, _: R) -> R {
        let one = x.lit(1.0);
        let t = ((x + x * x * x * x.lit(GELU_CUBIC)) * x.lit(GELU_SCALE)).tanh();
        let inner = (x * x * x.lit(3.0 * GELU_CUBIC) + one) * x.lit(GELU_SCALE);
        ((t + one) + x * (one - t * t) * inner) * x.lit(0.5)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// x Phi(x), where Phi is the standard normal distribution function (Hendrycks and Gimpel, 2016). Derivative: Phi(x) + x phi(x).
    #[track_caller]
    pub fn gelu(self) -> Self {
        self.record(Map(Gelu))
    }
    /// The approximation of gelu by tanh: x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.
    #[track_caller]
    pub fn gelu_tanh(self) -> Self {
        self.record(Map(GeluTanh))
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    impl Sampled for Tanh {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Tanh, -2.0, 2.0, |x| x.tanh());
            rows.extend(points(
                |x| x.tanh(),
                &[(0.0, 0.0, 1.0), (1e3, 1.0, 0.0), (-1e3, -1.0, 0.0), (INF, 1.0, 0.0), (-INF, -1.0, 0.0), (NAN, NAN, NAN)],
            ));
            // 2 sigmoid(2x) - 1
            rows.push(equals(
                [any(&[3, 5])],
                |v| v[0].tanh(),
                |v| {
                    let e = (v[0] + v[0]).exp();
                    (e - e.number(1.0)) / (e + e.number(1.0))
                },
            ));
            rows
        }
    }

    impl Sampled for Sigmoid {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Sigmoid, -2.0, 2.0, |x| x.sigmoid());
            rows.extend(points(
                |x| x.sigmoid(),
                &[(0.0, 0.5, 0.25), (1e3, 1.0, 0.0), (-1e3, 0.0, 0.0), (INF, 1.0, 0.0), (-INF, 0.0, 0.0), (NAN, NAN, NAN)],
            ));
            rows.push(equals([any(&[3, 5])], |v| v[0].sigmoid(), |v| v[0].number(1.0) / ((-v[0]).exp() + v[0].number(1.0))));
            rows
        }
    }

    impl Sampled for Relu {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Relu, -2.0, 2.0, |x| x.relu());
            rows.extend(points(
                |x| x.relu(),
                &[(0.0, 0.0, 0.0), (-0.0, 0.0, 0.0), (2.5, 2.5, 1.0), (-1.0, 0.0, 0.0), (INF, INF, 1.0), (-INF, 0.0, 0.0)],
            ));
            // torch.relu keeps a NaN, and its threshold_backward lets no gradient through where x > 0 does not hold.
            rows.extend(points(|x| x.relu(), &[(NAN, NAN, 0.0)]));
            rows
        }
    }

    impl Sampled for LeakyRelu {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(LeakyRelu(0.25), -2.0, 2.0, |x| x.leaky_relu(0.25));
            rows.extend(points(
                |x| x.leaky_relu(0.25),
                &[(0.0, 0.0, 0.25), (2.0, 2.0, 1.0), (-2.0, -0.5, 0.25), (INF, INF, 1.0), (-INF, -INF, 0.25), (NAN, NAN, 0.25)],
            ));
            rows
        }
    }

    impl Sampled for Softplus {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Softplus { beta: 1.0, threshold: 20.0 }, -2.0, 2.0, |x| x.softplus());
            rows.extend(unary(Softplus { beta: 2.5, threshold: 20.0 }, -2.0, 2.0, |x| x.softplus_with(2.5, 20.0)));
            rows.extend(points(
                |x| x.softplus(),
                &[
                    (0.0, std::f64::consts::LN_2, 0.5),
                    (20.5, 20.5, 1.0),
                    (1e30, 1e30, 1.0),
                    (-1e3, 0.0, 0.0),
                    (INF, INF, 1.0),
                    (-INF, 0.0, 0.0),
                    (NAN, NAN, NAN),
                ],
            ));
            rows.push(equals([any(&[3, 5])], |v| v[0].softplus(), |v| v[0].exp().log1p()));
            rows
        }
    }

    impl Sampled for Gelu {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Gelu, -2.0, 2.0, |x| x.gelu());
            rows.extend(points(|x| x.gelu(), &[(0.0, 0.0, 0.5), (50.0, 50.0, 1.0), (-50.0, 0.0, 0.0), (NAN, NAN, NAN)]));
            rows
        }
    }

    impl Sampled for GeluTanh {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(GeluTanh, -2.0, 2.0, |x| x.gelu_tanh());
            rows.extend(points(|x| x.gelu_tanh(), &[(0.0, 0.0, 0.5), (50.0, 50.0, 1.0), (-50.0, 0.0, 0.0), (NAN, NAN, NAN)]));
            rows
        }
    }
}
