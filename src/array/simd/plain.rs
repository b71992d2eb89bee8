//! What are vectors without x86-64 extensions? Arrays of 128 bits: the compiler turns the loops below into SSE2 or NEON instructions.

use super::{Element, Simd, Vector, sealed::Sealed};

#[derive(Clone, Copy)]
pub struct Plain;

#[derive(Clone, Copy)]
#[repr(align(16))]
pub struct Lanes<T, const N: usize>([T; N]);

impl Sealed for Plain {}
impl<T, const N: usize> Sealed for Lanes<T, N> {}

impl Simd for Plain {
    const FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
    const REGISTERS: usize = if cfg!(target_arch = "aarch64") { 32 } else { 16 };
    type F32 = Lanes<f32, 4>;
    type F64 = Lanes<f64, 2>;
}

/// As [`Plain`], for the few slices whose elements lie outside the range of a vectorised function.
#[derive(Clone, Copy)]
pub struct Libm;

impl Sealed for Libm {}
impl Simd for Libm {
    const FMA: bool = Plain::FMA;
    const REGISTERS: usize = Plain::REGISTERS;
    const LIBM: bool = true;
    type F32 = Lanes<f32, 4>;
    type F64 = Lanes<f64, 2>;
}

/// The scalar `a * b + c`, by the instruction if there is one.
pub trait MulAdd: Element + PartialOrd {
    fn mul_add(self, factor: Self, addend: Self) -> Self;
}

impl MulAdd for f32 {
    #[inline(always)]
    fn mul_add(self, factor: f32, addend: f32) -> f32 {
        if Plain::FMA { self.mul_add(factor, addend) } else { self * factor + addend }
    }
}

impl MulAdd for f64 {
    #[inline(always)]
    fn mul_add(self, factor: f64, addend: f64) -> f64 {
        if Plain::FMA { self.mul_add(factor, addend) } else { self * factor + addend }
    }
}

impl<T: MulAdd, const N: usize> Vector<T> for Lanes<T, N> {
    const LANES: usize = N;
    type Mask = usize;
    type Choice = [bool; N];

    #[inline(always)]
    fn splat(x: T) -> Self {
        Lanes([x; N])
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Lanes(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Lanes(std::array::from_fn(|i| self.0[i] * other.0[i]))
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Lanes(std::array::from_fn(|i| self.0[i].mul_add(factor.0[i], addend.0[i])))
    }
    #[inline(always)]
    fn interleave(self, other: Self) -> (Self, Self) {
        let pick = |i: usize| {
            if i.is_multiple_of(2) { self.0[i / 2] } else { other.0[i / 2] }
        };
        (Lanes(std::array::from_fn(pick)), Lanes(std::array::from_fn(|i| pick(N + i))))
    }
    #[inline(always)]
    fn deinterleave(self, other: Self) -> (Self, Self) {
        let pick = |i: usize| if i < N { self.0[i] } else { other.0[i - N] };
        (Lanes(std::array::from_fn(|i| pick(2 * i))), Lanes(std::array::from_fn(|i| pick(2 * i + 1))))
    }
    // (No number is unlike itself but NaN.)
    #[inline(always)]
    #[allow(clippy::eq_op)]
    fn is_topped(self, other: Self) -> [bool; N] {
        std::array::from_fn(|i| (other.0[i] > self.0[i]) | (other.0[i] != other.0[i]))
    }
    #[inline(always)]
    fn select(choice: [bool; N], yes: Self, no: Self) -> Self {
        Lanes(std::array::from_fn(|i| if choice[i] { yes.0[i] } else { no.0[i] }))
    }
    #[inline(always)]
    fn mask(lanes: usize) -> usize {
        lanes
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller vouches for N numbers.
        Lanes(unsafe { from.cast::<[T; N]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller vouches for N numbers.
        unsafe { to.cast::<[T; N]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const T, mask: usize) -> Self {
        let lane = |i| {
            if i < mask {
                // SAFETY: the caller vouches for the lanes of the mask.
                unsafe { *from.add(i) }
            } else {
                T::default()
            }
        };
        Lanes(std::array::from_fn(lane))
    }
    #[inline(always)]
    unsafe fn store_masked(self, to: *mut T, mask: usize) {
        for i in 0..N {
            if i < mask {
                // SAFETY: the caller vouches for the lanes of the mask.
                unsafe { *to.add(i) = self.0[i] }
            }
        }
    }
}
