//! Which instructions does this machine have, and how is code written once for all of them?
//!
//! A [`Kernel`] is a piece of code generic over an instruction set [`Simd`]. [`dispatch`] compiles its body once for each
//! instruction set and runs the one for the widest that this machine has. Two ways to write the body:
//!
//! * a plain loop over slices that calls a small scalar function: the compiler vectorises it with the widest registers;
//! * a tile of accumulators of type [`Vector`], where the shape of the register block matters (matrix products).
//!
//! The instruction set is known only inside the few functions marked `#[target_feature]` at the bottom of this file, so
//! **all code between `dispatch` and the arithmetic has to be inlined into them**: `run` and every function that it calls
//! with vectors or in a hot loop must be `#[inline(always)]`. What is not inlined still computes the right result, but
//! with the baseline instructions, and slowly.
//!
//! The types `Avx2` and `Avx512` cannot be named outside this module: only `dispatch` hands them out, after it has asked
//! the processor. That is why the methods of [`Vector`] that touch no memory are safe.

use std::ops::{Add, Mul};
use std::sync::atomic::{AtomicU8, Ordering};

/// The instruction sets that kernels are compiled for, from narrow to wide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Level {
    /// What the compilation target guarantees: SSE2 on x86-64, NEON on AArch64.
    Plain = 1,
    /// AVX2 and FMA: 256 bits, 16 registers.
    Avx2 = 2,
    /// AVX-512 F, BW, CD, DQ and VL: 512 bits, 32 registers.
    Avx512 = 3,
}

/// The widest instruction set of this machine, detected once.
///
/// `--cfg wengert_simd="avx2"` or `"plain"` caps it at compile time, so that tests can run the narrower paths.
#[inline]
pub fn level() -> Level {
    static LEVEL: AtomicU8 = AtomicU8::new(0);
    match LEVEL.load(Ordering::Relaxed) {
        1 => Level::Plain,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => {
            let found = detect();
            LEVEL.store(found as u8, Ordering::Relaxed);
            found
        }
    }
}

#[cold]
fn detect() -> Level {
    let cap = if cfg!(wengert_simd = "plain") {
        Level::Plain
    } else if cfg!(wengert_simd = "avx2") {
        Level::Avx2
    } else {
        Level::Avx512
    };
    widest().min(cap)
}

#[cfg(target_arch = "x86_64")]
fn widest() -> Level {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx2, avx512) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        _ => Level::Plain,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn widest() -> Level {
    Level::Plain
}

/// Code that is compiled once per instruction set.
pub trait Kernel {
    type Out;
    /// Must be `#[inline(always)]`: see the module's documentation.
    fn run<S: Simd>(self, simd: S) -> Self::Out;
}

/// Runs the kernel with the widest instruction set of this machine.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Out {
    dispatch_at(level(), kernel)
}

/// Runs the kernel with the given instruction set, or a narrower one if this machine lacks it.
#[inline]
pub fn dispatch_at<K: Kernel>(level: Level, kernel: K) -> K::Out {
    match level.min(self::level()) {
        // SAFETY: `level()` has found these features on this machine.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { x86::run_avx512(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::run_avx2(kernel) },
        _ => kernel.run(plain::Plain),
    }
}

/// An instruction set, as a token that is handed to [`Kernel::run`].
pub trait Simd: Copy + Send + Sync + 'static + sealed::Sealed {
    /// Is `a * b + c` one instruction? If not, [`f32::mul_add`] is a slow call and must be avoided.
    const FMA: bool;
    /// How many vector registers there are: a tile of accumulators has to leave room for its operands.
    const REGISTERS: usize;
    /// Are functions whose vectorised form has a limited range (sin, cos) to be taken from the standard library?
    const LIBM: bool = false;
    type F32: Vector<f32>;
    type F64: Vector<f64>;
}

pub use plain::Libm;

/// `f32` or `f64`: the numbers that there are vectors of.
pub trait Element:
    Copy + Send + Sync + Default + Add<Output = Self> + Mul<Output = Self> + sealed::Sealed + 'static
{
    /// The vector of these numbers in an instruction set.
    type Vector<S: Simd>: Vector<Self>;
}

impl Element for f32 {
    type Vector<S: Simd> = S::F32;
}

impl Element for f64 {
    type Vector<S: Simd> = S::F64;
}

/// One vector register of numbers.
pub trait Vector<T: Element>: Copy + sealed::Sealed {
    const LANES: usize;
    /// Selects the first few lanes.
    type Mask: Copy;

    fn splat(x: T) -> Self;
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once where the instruction set has it ([`Simd::FMA`]).
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `[a0, b0, a1, b1, ..]` in two registers: one step of a transposition.
    fn interleave(self, other: Self) -> (Self, Self);

    /// The mask of the first `lanes` lanes, at most all of them.
    fn mask(lanes: usize) -> Self::Mask;
    /// # Safety
    /// `from` must be valid for reading `LANES` numbers; it may be unaligned to the vector.
    unsafe fn load(from: *const T) -> Self;
    /// # Safety
    /// `to` must be valid for writing `LANES` numbers.
    unsafe fn store(self, to: *mut T);
    /// Lanes outside the mask are zero and are not read.
    /// # Safety
    /// `from` must be valid for reading the lanes of the mask.
    unsafe fn load_masked(from: *const T, mask: Self::Mask) -> Self;
    /// Lanes outside the mask are not written.
    /// # Safety
    /// `to` must be valid for writing the lanes of the mask.
    unsafe fn store_masked(self, to: *mut T, mask: Self::Mask);

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(T::default())
    }

    /// The sum of all lanes, always in the same order.
    #[inline(always)]
    fn sum(self) -> T {
        let mut lanes = [T::default(); MAX_LANES];
        // SAFETY: no vector has more than MAX_LANES lanes.
        unsafe { self.store(lanes.as_mut_ptr()) };
        let mut half = Self::LANES / 2;
        while half > 0 {
            for i in 0..half {
                lanes[i] = lanes[i] + lanes[i + half];
            }
            half /= 2;
        }
        lanes[0]
    }

    /// Transposes `LANES` x `LANES` numbers in registers: `rows` must hold that many vectors.
    ///
    /// Interleaving the first half of the rows with the second half, log2(LANES) times, is a transposition.
    #[inline(always)]
    fn transpose(rows: &mut [Self]) {
        let half = Self::LANES / 2;
        let mut next = [Self::zero(); MAX_LANES];
        let mut step = 1;
        while step < Self::LANES {
            for i in 0..half {
                (next[2 * i], next[2 * i + 1]) = rows[i].interleave(rows[i + half]);
            }
            rows[..Self::LANES].copy_from_slice(&next[..Self::LANES]);
            step *= 2;
        }
    }
}

/// The lanes of the widest vector.
pub const MAX_LANES: usize = 16;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// 128 bits as a plain array: the compiler turns the loops below into SSE2 or NEON instructions.
mod plain {
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
    pub trait MulAdd: Element {
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
            let pick = |i: usize| if i % 2 == 0 { self.0[i / 2] } else { other.0[i / 2] };
            (Lanes(std::array::from_fn(pick)), Lanes(std::array::from_fn(|i| pick(N + i))))
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
            // SAFETY: the caller vouches for the lanes of the mask.
            let lane = |i| if i < mask { unsafe { *from.add(i) } } else { T::default() };
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
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Kernel, Simd, Vector, sealed::Sealed};
    use std::arch::x86_64::*;

    #[derive(Clone, Copy)]
    pub struct Avx2(());
    #[derive(Clone, Copy)]
    pub struct Avx512(());

    impl Sealed for Avx2 {}
    impl Sealed for Avx512 {}

    impl Simd for Avx2 {
        const FMA: bool = true;
        const REGISTERS: usize = 16;
        type F32 = __m256;
        type F64 = __m256d;
    }

    impl Simd for Avx512 {
        const FMA: bool = true;
        const REGISTERS: usize = 32;
        type F32 = __m512;
        type F64 = __m512d;
    }

    #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
    pub fn run_avx2<K: Kernel>(kernel: K) -> K::Out {
        kernel.run(Avx2(()))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
    pub fn run_avx512<K: Kernel>(kernel: K) -> K::Out {
        kernel.run(Avx512(()))
    }

    /// The four register types differ only in the names of their instructions.
    macro_rules! vector {
        ($vector:ty, $scalar:ty, $lanes:literal, $mask:ty, $make_mask:ident, $interleave:ident, $splat:ident, $add:ident,
         $mul:ident, $mul_add:ident, $load:ident, $store:ident, $load_masked:ident, $store_masked:ident) => {
            impl Sealed for $vector {}

            // SAFETY, for every block: code that is generic over `Simd` meets this type only below `run_avx2` or
            // `run_avx512`, whose callers have made sure of the instructions; and for pointers the caller vouches.
            #[allow(clippy::undocumented_unsafe_blocks)]
            impl Vector<$scalar> for $vector {
                const LANES: usize = $lanes;
                type Mask = $mask;

                #[inline(always)]
                fn splat(x: $scalar) -> Self {
                    unsafe { $splat(x) }
                }
                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    unsafe { $add(self, other) }
                }
                #[inline(always)]
                fn mul(self, other: Self) -> Self {
                    unsafe { $mul(self, other) }
                }
                #[inline(always)]
                fn mul_add(self, factor: Self, addend: Self) -> Self {
                    unsafe { $mul_add(self, factor, addend) }
                }
                #[inline(always)]
                fn interleave(self, other: Self) -> (Self, Self) {
                    unsafe { $interleave(self, other) }
                }
                #[inline(always)]
                fn mask(lanes: usize) -> Self::Mask {
                    debug_assert!(lanes <= $lanes);
                    unsafe { $make_mask(lanes) }
                }
                #[inline(always)]
                unsafe fn load(from: *const $scalar) -> Self {
                    unsafe { $load(from) }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut $scalar) {
                    unsafe { $store(to, self) }
                }
                #[inline(always)]
                unsafe fn load_masked(from: *const $scalar, mask: Self::Mask) -> Self {
                    unsafe { $load_masked(from, mask) }
                }
                #[inline(always)]
                unsafe fn store_masked(self, to: *mut $scalar, mask: Self::Mask) {
                    unsafe { $store_masked(to, mask, self) }
                }
            }
        };
    }

    vector!(
        __m512, f32, 16, __mmask16, mask_512, interleave_512, _mm512_set1_ps, _mm512_add_ps, _mm512_mul_ps,
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_storeu_ps, load_masked_512, _mm512_mask_storeu_ps
    );
    vector!(
        __m512d, f64, 8, __mmask8, mask_512d, interleave_512d, _mm512_set1_pd, _mm512_add_pd, _mm512_mul_pd,
        _mm512_fmadd_pd, _mm512_loadu_pd, _mm512_storeu_pd, load_masked_512d, _mm512_mask_storeu_pd
    );
    vector!(
        __m256, f32, 8, __m256i, mask_256, interleave_256, _mm256_set1_ps, _mm256_add_ps, _mm256_mul_ps,
        _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_maskload_ps, _mm256_maskstore_ps
    );
    vector!(
        __m256d, f64, 4, __m256i, mask_256d, interleave_256d, _mm256_set1_pd, _mm256_add_pd, _mm256_mul_pd,
        _mm256_fmadd_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_maskload_pd, _mm256_maskstore_pd
    );

    // What is more than one instruction. `#[inline]` suffices for a function that names its features.

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn mask_512(lanes: usize) -> __mmask16 {
        ((1u32 << lanes) - 1) as __mmask16
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn mask_512d(lanes: usize) -> __mmask8 {
        ((1u32 << lanes) - 1) as __mmask8
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn mask_256(lanes: usize) -> __m256i {
        let index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), index)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn mask_256d(lanes: usize) -> __m256i {
        _mm256_cmpgt_epi64(_mm256_set1_epi64x(lanes as i64), _mm256_setr_epi64x(0, 1, 2, 3))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn load_masked_512(from: *const f32, mask: __mmask16) -> __m512 {
        // SAFETY: the caller vouches for the lanes of the mask.
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn load_masked_512d(from: *const f64, mask: __mmask8) -> __m512d {
        // SAFETY: the caller vouches for the lanes of the mask.
        unsafe { _mm512_maskz_loadu_pd(mask, from) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn interleave_512(a: __m512, b: __m512) -> (__m512, __m512) {
        let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        (_mm512_permutex2var_ps(a, low, b), _mm512_permutex2var_ps(a, high, b))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn interleave_512d(a: __m512d, b: __m512d) -> (__m512d, __m512d) {
        let low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
        let high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
        (_mm512_permutex2var_pd(a, low, b), _mm512_permutex2var_pd(a, high, b))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn interleave_256(a: __m256, b: __m256) -> (__m256, __m256) {
        let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        (_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn interleave_256d(a: __m256d, b: __m256d) -> (__m256d, __m256d) {
        let (low, high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        (_mm256_permute2f128_pd::<0x20>(low, high), _mm256_permute2f128_pd::<0x31>(low, high))
    }
}
