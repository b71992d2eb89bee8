//! How do `f32` and `f64` differ? In the layout of their bits, which is here, and in the constants of each function, which are beside it. Here
//! are also the parts of all functions: selects, fused multiply-adds, polynomials, and sums and products in two parts.

use crate::array::simd::Simd;
use core::ops::{Add, Div, Mul, Neg, Sub};

/// `f32` or `f64`, as a number of so many bits.
pub trait Float:
    Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The unsigned integer of the same size.
    type Bits: Copy;
    const INFINITY: Self;
    const NAN: Self;
    /// What is added to an exponent in the bits of a number: 127 or 1023.
    const BIAS: Self;
    /// What [`Float::scale`] expects to be added: twice as much.
    const SCALE_BIAS: Self;
    /// 2^23 or 2^52: added to a non-negative number below it, leaves that number rounded to an integer.
    const WHOLE: Self;
    /// 1.5 times [`Float::WHOLE`]: a sum with it has its units in the lowest bit.
    const MAGIC: Self;
    /// ln 2 in two parts, the first short enough (9 bits, 42 bits) for `n * LN2_HI` to be exact for every exponent n.
    const LN2_HI: Self;
    const LN2_LO: Self;
    /// Below this (2^-25, 2^-54), e^x - 1 and ln(1 + x) are x.
    const TINY: Self;

    /// The nearest number of this type.
    fn lit(c: f64) -> Self;
    fn to_bits(self) -> Self::Bits;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    fn copysign(self, sign: Self) -> Self;
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    fn is_nan(self) -> bool;
    fn is_sign_negative(self) -> bool;
    /// This number without its lowest bits.
    fn cut(self, bits: u32) -> Self;
    /// Two halves (of 12 or 26 bits) whose sum this is and whose products are exact. Cutting bits off cannot overflow as Veltkamp's
    /// multiplication does.
    fn halves(self) -> (Self, Self);
    /// 2^k, where the low bits of `power` hold k + bias.
    fn power_of_two(power: Self::Bits) -> Self;
    /// This times 2^k, where the low bits of `power` hold k + [`Float::SCALE_BIAS`]: in two factors, so that results among the subnormals
    /// are rounded once and those beyond the largest number become infinite by themselves.
    fn scale(self, power: Self::Bits) -> Self;
    /// A positive normal x as (m, k + bias) with x = 2^k m, m between sqrt(1/2) and sqrt 2.
    fn split(self) -> (Self, Self::Bits);
    /// k of k + bias: written into the mantissa of [`Float::WHOLE`], which vector units without a conversion from unsigned integers can
    /// do too.
    fn exponent(biased: Self::Bits) -> Self;
    /// 2^(1-k) of k + bias, and 0 for the largest k.
    fn two_over_power(biased: Self::Bits) -> Self;
    /// A positive finite x, subnormal or not, as (m, k) with x = 2^k m.
    fn split_exponent(self) -> (Self, Self);
}

/// The types differ in the sizes of their parts; the last constant is how many bits the lower half of a number has.
macro_rules! float {
    ($type:ident, $bits:ident, $ln2_hi:expr, $ln2_lo:expr, $half:literal) => {
        impl Float for $type {
            type Bits = $bits;
            const INFINITY: Self = $type::INFINITY;
            const NAN: Self = $type::NAN;
            const BIAS: Self = ($type::MAX_EXP - 1) as $type;
            const SCALE_BIAS: Self = 2.0 * Self::BIAS;
            const WHOLE: Self = 1.0 / $type::EPSILON;
            const MAGIC: Self = 1.5 * Self::WHOLE;
            const LN2_HI: Self = $ln2_hi;
            const LN2_LO: Self = $ln2_lo;
            const TINY: Self = $type::EPSILON / 4.0;

            #[inline(always)]
            fn lit(c: f64) -> Self {
                c as $type
            }
            #[inline(always)]
            fn to_bits(self) -> $bits {
                self.to_bits()
            }
            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                self.copysign(sign)
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                self.mul_add(factor, addend)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
            #[inline(always)]
            fn is_sign_negative(self) -> bool {
                self.is_sign_negative()
            }
            #[inline(always)]
            fn cut(self, bits: u32) -> Self {
                $type::from_bits(self.to_bits() & ($bits::MAX << bits))
            }
            #[inline(always)]
            fn halves(self) -> (Self, Self) {
                let high = self.cut($half);
                (high, self - high)
            }
            #[inline(always)]
            fn power_of_two(power: $bits) -> Self {
                $type::from_bits(power << ($type::MANTISSA_DIGITS - 1))
            }
            #[inline(always)]
            fn scale(self, power: $bits) -> Self {
                let half = power >> 1;
                self * Self::power_of_two(half) * Self::power_of_two(power.wrapping_sub(half))
            }
            #[inline(always)]
            fn split(self) -> (Self, $bits) {
                const SHIFT: u32 = $type::MANTISSA_DIGITS - 1;
                const SQRT_HALF: $bits = core::$type::consts::FRAC_1_SQRT_2.to_bits();
                let bits = self.to_bits().wrapping_add((1.0 as $type).to_bits() - SQRT_HALF);
                ($type::from_bits((bits & ((1 << SHIFT) - 1)) + SQRT_HALF), bits >> SHIFT)
            }
            #[inline(always)]
            fn exponent(biased: $bits) -> Self {
                $type::from_bits(biased | Self::WHOLE.to_bits()) - (Self::WHOLE + Self::BIAS)
            }
            #[inline(always)]
            fn two_over_power(biased: $bits) -> Self {
                const LARGEST: $bits = 2 * $type::MAX_EXP as $bits - 1;
                Self::power_of_two(LARGEST.wrapping_sub(biased))
            }
            #[inline(always)]
            fn split_exponent(self) -> (Self, Self) {
                // A subnormal number times 4 / EPSILON is a normal one.
                let subnormal = self < $type::MIN_POSITIVE;
                let (m, biased) = (self * select(subnormal, 4.0 / $type::EPSILON, 1.0)).split();
                (m, Self::exponent(biased) - select(subnormal, ($type::MANTISSA_DIGITS + 1) as $type, 0.0))
            }
        }
    };
}
float!(f32, u32, 355.0 / 512.0, -0.00021219444, 12);
float!(f64, u64, f64::from_bits(0x3fe6_2e42_fefa_3800), 5.497_923_018_708_371e-14, 27);

/// `a` where `c` holds, else `b`, always as a select: both values are computed, nothing jumps.
#[inline(always)]
pub fn select<T>(c: bool, a: T, b: T) -> T {
    core::hint::select_unpredictable(c, a, b)
}

/// x held between two bounds; a NaN passes.
#[inline(always)]
pub fn clamp<T: Float>(x: T, low: T, high: T) -> T {
    let x = select(x > high, high, x);
    select(x < low, low, x)
}

/// `a * b + c`, with one rounding where the instruction set has a fused multiply-add.
#[inline(always)]
pub fn fma<S: Simd, T: Float>(a: T, b: T, c: T) -> T {
    if S::FMA { a.mul_add(b, c) } else { a * b + c }
}

/// A polynomial in x, coefficients lowest power first, by Estrin's scheme: the terms are paired, `(c0 + c1 x) + (c2 + c3 x) x² + ...`,
/// so that the dependent chain grows with the logarithm of the degree where Horner's rule has it grow with the degree. That is what
/// keeps a lone scalar call fast.
macro_rules! poly {
    ($S:ident, $x:expr; $($c:expr),+ $(,)?) => {{
        let x = $x;
        poly!(@level $S, x; []; $($c),+)
    }};
    (@level $S:ident, $x:ident; [$p:expr];) => { $p };
    (@level $S:ident, $x:ident; [$($p:expr),+];) => {{
        let square = $x * $x;
        poly!(@level $S, square; []; $($p),+)
    }};
    (@level $S:ident, $x:ident; [$($p:expr),*]; $a:expr) => {
        poly!(@level $S, $x; [$($p,)* $a];)
    };
    (@level $S:ident, $x:ident; [$($p:expr),*]; $a:expr, $b:expr $(, $c:expr)*) => {
        poly!(@level $S, $x; [$($p,)* fma::<$S, _>($b, $x, $a)]; $($c),*)
    };
}
pub(super) use poly;

/// The exact sum `a + b` as its rounded value and the rounding error (Knuth's two-sum).
#[inline(always)]
pub fn two_sum<T: Float>(a: T, b: T) -> (T, T) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// The exact sum `a + b` where |a| >= |b| or a = 0 (Dekker's fast two-sum).
#[inline(always)]
pub fn fast_two_sum<T: Float>(a: T, b: T) -> (T, T) {
    let s = a + b;
    (s, b - (s - a))
}

/// The exact product `a * b` as its rounded value and the rounding error.
#[inline(always)]
pub fn two_prod<S: Simd, T: Float>(a: T, b: T) -> (T, T) {
    let p = a * b;
    if S::FMA {
        (p, a.mul_add(b, -p))
    } else {
        let ((ah, al), (bh, bl)) = (a.halves(), b.halves());
        (p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)
    }
}
