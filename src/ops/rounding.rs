//! Functions whose slope is zero almost everywhere: floor, ceil, trunc, round, sign, and division to whole quotients with what it leaves.

use crate::array::scalar::{Real, Scalar};
use crate::kernels::elementwise::Cost;
use crate::ops::map::{Binary, Map, Unary, Zip};
use crate::tape::var::{Operand, Var};

/// The function of an op whose slope is 0 wherever it has one: its name, and its value for the op and x.
macro_rules! flat {
    ($op:ident, $name:literal, |$this:pat_param, $x:ident| $value:expr) => {
        impl Unary for $op {
            const NAME: &'static str = $name;
            const GRAD_NAME: &'static str = concat!($name, "_grad");
            const COST: Cost = Cost::Cheap;
            #[inline(always)]
            fn f<R: Real>(self, $x: R) -> R {
                let $this = self;
                $value
            }
            #[inline(always)]
            fn df<R: Real>(self, x: R, _: R) -> R {
                x.lit(0.0)
            }
        }
    };
}

// ------------------------------------------------------------------------------- floor, ceil, trunc, round and sign

/// `floor(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Floor;
flat!(Floor, "floor", |_, x| x.floor());

/// `ceil(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ceil;
flat!(Ceil, "ceil", |_, x| x.ceil());

/// `trunc(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trunc;
flat!(Trunc, "trunc", |_, x| x.trunc());

/// `x`, rounded to so many decimal places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Round {
    decimals: i32,
}
flat!(Round, "round", |op, x| op.rounded(x));

impl Round {
    #[inline(always)]
    fn rounded<R: Real>(self, x: R) -> R {
        // Powers of ten above 1 are exact numbers, those below are not: hence two ways.
        let unit = x.lit(10.0_f64.powi(self.decimals.saturating_abs()));
        let y = match self.decimals {
            0 => return x.round(),
            1.. => (x * unit).round() / unit,
            // What vanishes beside the unit is 0, also beside an infinite one.
            _ => {
                let y = (x / unit).round();
                y.equal(x.lit(0.0)).select(y, y * unit)
            }
        };
        // Where a product is beyond the type, x stays as it is.
        x.lit(f64::INFINITY).gt(y.abs()).select(y, x)
    }
}

/// `sign(x)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sign;
flat!(Sign, "sign", |_, x| x.sign());

impl<'t, T: Scalar> Var<'t, T> {
    /// The largest whole number that is not above x, elementwise. Derivative: 0. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([-1.5, 1.5, 2.0]).floor().to_vec(), [-2.0, 1.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn floor(self) -> Self {
        self.record(Map(Floor))
    }
    /// The smallest whole number that is not below x, elementwise. Derivative: 0. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-1.5, 1.25]);
    /// let y = x * x.ceil(); // its derivative by x is that of a constant times x
    /// assert_eq!(y.to_vec(), [1.5, 2.5]);
    /// assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [-1.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn ceil(self) -> Self {
        self.record(Map(Ceil))
    }
    /// x without its fraction, elementwise. Derivative: 0. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([-1.5, 1.5]).trunc().to_vec(), [-1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn trunc(self) -> Self {
        self.record(Map(Trunc))
    }
    /// The fraction x - trunc(x), with the sign of x, elementwise. Derivative: 1. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([-1.25, 2.5]);
    /// assert_eq!(x.frac().to_vec(), [-0.25, 0.5]);
    /// assert_eq!(tape.grad(x.frac(), &[x])[0].unwrap().to_vec(), [1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn frac(self) -> Self {
        self - self.trunc()
    }
    /// The nearest whole number, of two the even one, elementwise. Derivative: 0. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([0.5, 1.5, -2.5, 2.75]).round().to_vec(), [0.0, 2.0, -2.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn round(self) -> Self {
        self.round_decimals(0)
    }
    /// x rounded to so many decimal places (before the point, where negative), half to even, elementwise. Derivative: 0. Shape: that of x.
    /// PyTorch: `round` with `decimals`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([1.25, 1.375]).round_decimals(1).to_vec(), [1.2, 1.4]);
    /// assert_eq!(tape.leaf(1250.0).round_decimals(-2).item(), 1200.0);
    /// ```
    #[track_caller]
    pub fn round_decimals(self, decimals: i32) -> Self {
        self.record(Map(Round { decimals }))
    }
    /// -1, 0 or 1 (0 for NaN), elementwise. Derivative: 0. Shape: that of x.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([-3.0, 0.0, f64::INFINITY, f64::NAN]).sign().to_vec(), [-1.0, 0.0, 1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn sign(self) -> Self {
        self.record(Map(Sign))
    }
}

// ------------------------------------------------------------------------------------ fmod, remainder, div_floor and div_trunc

/// `a - trunc(a / b) b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fmod;

impl Binary for Fmod {
    const NAME: &'static str = "fmod";
    const GRAD_NAME: &'static str = "fmod_grad";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        a.fmod(b)
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, _: R) -> R {
        a.lit(1.0)
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, b: R) -> R {
        -(a / b).trunc()
    }
}

/// `a - floor(a / b) b`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Remainder;

impl Binary for Remainder {
    const NAME: &'static str = "remainder";
    const GRAD_NAME: &'static str = "remainder_grad";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        let left = a.fmod(b);
        // What is left with the other sign than b's lies one b below.
        a.lit(0.0).gt(left * b.sign()).select(left + b, left)
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, _: R) -> R {
        a.lit(1.0)
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, b: R) -> R {
        -DivFloor.f(a, b)
    }
}

/// `floor(a / b)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DivFloor;

impl Binary for DivFloor {
    const NAME: &'static str = "div_floor";
    const GRAD_NAME: &'static str = "div_floor_grad";
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        // The rounded quotient may have reached a whole number that the exact one has not (1 / 0.1). What is left after division does not
        // round, and a less what is left is a multiple of b.
        let (zero, left) = (a.lit(0.0), a.fmod(b));
        let opposite = (left * b.sign()).gt(zero) + left.equal(zero);
        let quotient = ((a - left) / b).round() - opposite.select(zero, a.lit(1.0));
        b.equal(zero).select(a / b, quotient)
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, _: R) -> R {
        a.lit(0.0)
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, _: R) -> R {
        a.lit(0.0)
    }
}

/// `trunc(a / b)`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DivTrunc;

impl Binary for DivTrunc {
    const NAME: &'static str = "div_trunc";
    const GRAD_NAME: &'static str = "div_trunc_grad";
    const COST: Cost = Cost::Cheap;
    #[inline(always)]
    fn f<R: Real>(self, a: R, b: R) -> R {
        (a / b).trunc()
    }
    #[inline(always)]
    fn da<R: Real>(self, a: R, _: R) -> R {
        a.lit(0.0)
    }
    #[inline(always)]
    fn db<R: Real>(self, a: R, _: R) -> R {
        a.lit(0.0)
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// a - trunc(a/b) b, what a division to a whole quotient leaves, exactly, with the sign of a, elementwise. Derivatives: 1 and
    /// -trunc(a/b). Shape: that to which both broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([-7.0, 8.5]), tape.leaf(3.0));
    /// assert_eq!(a.fmod(b).to_vec(), [-1.0, 2.5]);
    /// assert_eq!(tape.grad(a.fmod(b), &[b])[0].unwrap().item(), 0.0); // 2 - 2
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn fmod(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "fmod");
        a.record2(Zip(Fmod), b)
    }
    /// a - floor(a/b) b, what a division to a quotient rounded down leaves, with the sign of b, elementwise. Derivatives: 1 and -floor(a/b).
    /// Shape: that to which both broadcast. PyTorch: `remainder`, Python's `%`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([7.0, -7.0]), tape.leaf([3.0, 3.0]));
    /// assert_eq!(a.remainder(b).to_vec(), [1.0, 2.0]);
    /// assert_eq!(a.fmod(b).to_vec(), [1.0, -1.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn remainder(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "remainder");
        a.record2(Zip(Remainder), b)
    }
    /// The quotient a/b rounded down, elementwise; as in Python, the exact quotient, so that 1 by 0.1 (which is a little more than a tenth)
    /// is 9. Derivatives: 0. Shape: that to which both broadcast. PyTorch: `div` with `rounding_mode="floor"`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([-7.0, 7.0, 1.0]).div_floor(tape.leaf([2.0, 2.0, 0.1])).to_vec(), [-4.0, 3.0, 9.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn div_floor(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "div_floor");
        a.record2(Zip(DivFloor), b)
    }
    /// The quotient a/b rounded towards 0, elementwise. Derivatives: 0. Shape: that to which both broadcast. PyTorch: `div` with
    /// `rounding_mode="trunc"`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// assert_eq!(tape.leaf([-7.0, 7.0]).div_trunc(2.0).to_vec(), [-3.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn div_trunc(self, b: impl Operand<'t, T>) -> Self {
        let (a, b) = self.broadcast_with(b.to_var(self.tape), "div_trunc");
        a.record2(Zip(DivTrunc), b)
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    rows! {
        Floor: Floor, 0.1, 0.9, |x| x.floor(), [
            (0.5, 0.0, 0.0), (-0.5, -1.0, 0.0), (2.0, 2.0, 0.0), (-2.0, -2.0, 0.0), (1e30, 1e30, 0.0), (INF, INF, 0.0), (-INF, -INF, 0.0),
            (NAN, NAN, 0.0),
        ];
        Ceil: Ceil, 0.1, 0.9, |x| x.ceil(), [
            (0.5, 1.0, 0.0), (-0.5, 0.0, 0.0), (2.0, 2.0, 0.0), (-2.0, -2.0, 0.0), (-1e30, -1e30, 0.0), (INF, INF, 0.0), (NAN, NAN, 0.0),
        ];
        Trunc: Trunc, 0.1, 0.9, |x| x.trunc(), [
            (0.5, 0.0, 0.0), (-0.5, 0.0, 0.0), (2.75, 2.0, 0.0), (-2.75, -2.0, 0.0), (INF, INF, 0.0), (NAN, NAN, 0.0),
        ];
        Sign: Sign, 0.1, 0.9, |x| x.sign(), [
            (0.5, 1.0, 0.0), (-0.5, -1.0, 0.0), (0.0, 0.0, 0.0), (-0.0, 0.0, 0.0), (-INF, -1.0, 0.0), (INF, 1.0, 0.0), (NAN, 0.0, 0.0),
        ];
    }

    impl Sampled for Round {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = unary(Round { decimals: 0 }, 0.6, 0.9, |x| x.round());
            rows.extend(points(
                |x| x.round(),
                &[
                    (0.5, 0.0, 0.0),
                    (1.5, 2.0, 0.0),
                    (2.5, 2.0, 0.0),
                    (-1.5, -2.0, 0.0),
                    (-0.25, 0.0, 0.0),
                    (1e30, 1e30, 0.0),
                    (-INF, -INF, 0.0),
                    (NAN, NAN, 0.0),
                ],
            ));
            rows.extend(points(|x| x.round_decimals(1), &[(0.25, 0.2, 0.0), (0.75, 0.8, 0.0), (-3.125, -3.1, 0.0), (INF, INF, 0.0)]));
            rows.extend(points(|x| x.round_decimals(-2), &[(250.0, 200.0, 0.0), (-350.0, -400.0, 0.0), (49.0, 0.0, 0.0)]));
            rows
        }
    }

    impl Sampled for Fmod {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            // Quotients between 2 and 3.
            let mut rows = binary(Fmod, [2.05, 2.2], [0.8, 1.0], |a, b| a.fmod(b));
            rows.extend(points2(
                |a, b| a.fmod(b),
                &[
                    (5.5, 2.0, 1.5, 1.0, -2.0),
                    (-5.5, 2.0, -1.5, 1.0, 2.0),
                    (5.5, -2.0, 1.5, 1.0, 2.0),
                    (4.0, 2.0, 0.0, 1.0, -2.0),
                    (5.0, INF, 5.0, 1.0, 0.0),
                    (1.0, 0.0, NAN, 1.0, -INF),
                    (INF, 2.0, NAN, 1.0, -INF),
                ],
            ));
            rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].fmod(v[1]), &["fmod of [2] and [3]", "hint: "]));
            rows
        }
    }

    impl Sampled for Remainder {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            // Quotients between 2 and 3, and between -3 and -2.
            let mut rows = binary(Remainder, [2.05, 2.2], [0.8, 1.0], |a, b| a.remainder(b));
            rows.extend(two([-2.2, -2.05], [0.8, 1.0], |a, b| a.remainder(b)));
            rows.extend(points2(
                |a, b| a.remainder(b),
                &[
                    (5.5, 2.0, 1.5, 1.0, -2.0),
                    (-5.5, 2.0, 0.5, 1.0, 3.0),
                    (5.5, -2.0, -0.5, 1.0, 3.0),
                    (-5.5, -2.0, -1.5, 1.0, -2.0),
                    (7.0, 3.0, 1.0, 1.0, -2.0),
                    (-4.0, 2.0, 0.0, 1.0, 2.0),
                    (0.0, 2.0, 0.0, 1.0, 0.0),
                    (5.0, INF, 5.0, 1.0, 0.0),
                    (-5.0, INF, INF, 1.0, 1.0),
                    (1.0, 0.0, NAN, 1.0, -INF),
                    (INF, 2.0, NAN, 1.0, NAN),
                    (NAN, 2.0, NAN, 1.0, NAN),
                ],
            ));
            // The exact quotient of 1 and 0.1 is below 10.
            rows.push(equals([of(&[], [1.0]), of(&[], [0.1])], |v| v[0].remainder(v[1]), |v| v[0] - v[1] * T::from_f64(9.0)));
            rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].remainder(v[1]), &["remainder of [2] and [3]", "hint: "]));
            rows
        }
    }

    impl Sampled for DivFloor {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = binary(DivFloor, [2.05, 2.2], [0.8, 1.0], |a, b| a.div_floor(b));
            rows.extend(points2(
                |a, b| a.div_floor(b),
                &[
                    (5.5, 2.0, 2.0, 0.0, 0.0),
                    (-5.5, 2.0, -3.0, 0.0, 0.0),
                    (5.5, -2.0, -3.0, 0.0, 0.0),
                    (-5.5, -2.0, 2.0, 0.0, 0.0),
                    (-4.0, 2.0, -2.0, 0.0, 0.0),
                    (5.0, INF, 0.0, 0.0, 0.0),
                    (-5.0, INF, -1.0, 0.0, 0.0),
                    (1.0, 0.0, INF, 0.0, 0.0),
                    (0.0, 0.0, NAN, 0.0, 0.0),
                    (NAN, 1.0, NAN, 0.0, 0.0),
                ],
            ));
            rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].div_floor(v[1]), &["div_floor of [2] and [3]", "hint: "]));
            rows
        }
    }

    impl Sampled for DivTrunc {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let mut rows = binary(DivTrunc, [2.05, 2.2], [0.8, 1.0], |a, b| a.div_trunc(b));
            rows.extend(points2(
                |a, b| a.div_trunc(b),
                &[
                    (5.5, 2.0, 2.0, 0.0, 0.0),
                    (-5.5, 2.0, -2.0, 0.0, 0.0),
                    (-5.0, INF, 0.0, 0.0, 0.0),
                    (1.0, 0.0, INF, 0.0, 0.0),
                    (0.0, 0.0, NAN, 0.0, 0.0),
                ],
            ));
            rows.push(refuses([any(&[2]), any(&[3])], |v| v[0].div_trunc(v[1]), &["div_trunc of [2] and [3]", "hint: "]));
            rows
        }
    }
}
