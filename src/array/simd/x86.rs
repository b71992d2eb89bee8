//! What are vectors on x86-64? AVX2 and AVX-512: only this file names their instructions.

use super::{Kernel, OfNumbers, Simd, Vector, sealed::Sealed};
use std::arch::x86_64::*;
use std::mem::ManuallyDrop;

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
pub fn run_avx2<K: Kernel>(kernel: ManuallyDrop<K>) -> K::Out {
    ManuallyDrop::into_inner(kernel).run(Avx2(()))
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
pub fn run_avx512<K: Kernel>(kernel: ManuallyDrop<K>) -> K::Out {
    ManuallyDrop::into_inner(kernel).run(Avx512(()))
}

#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
pub fn numbers_avx2<T: Copy, F: OfNumbers<T>>(f: F, a: T, b: T, c: T) -> T {
    f.run::<Avx2>(a, b, c)
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
pub fn numbers_avx512<T: Copy, F: OfNumbers<T>>(f: F, a: T, b: T, c: T) -> T {
    f.run::<Avx512>(a, b, c)
}

/// The four register types differ only in the names of their instructions.
macro_rules! vector {
    (
        $vector:ident: [$scalar:ty; $lanes:literal], $mask:ty, $choice:ty;
        $make_mask:ident, $interleave:ident, $deinterleave:ident, $is_topped:ident, $select:ident;
        $splat:ident, $add:ident, $mul:ident, $mul_add:ident, $load:ident, $store:ident, $load_masked:ident, $store_masked:ident;
    ) => {
        impl Sealed for $vector {}

        // SAFETY, for every block: code that is generic over `Simd` meets this type only below `run_avx2` or
        // `run_avx512`, whose callers have made sure of the instructions; and for pointers the caller vouches.
        #[allow(clippy::undocumented_unsafe_blocks)]
        impl Vector<$scalar> for $vector {
            const LANES: usize = $lanes;
            type Mask = $mask;
            type Choice = $choice;

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
            fn deinterleave(self, other: Self) -> (Self, Self) {
                unsafe { $deinterleave(self, other) }
            }
            #[inline(always)]
            fn is_topped(self, other: Self) -> Self::Choice {
                unsafe { $is_topped(self, other) }
            }
            #[inline(always)]
            fn select(choice: Self::Choice, yes: Self, no: Self) -> Self {
                unsafe { $select(no, yes, choice) }
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

vector! {
    __m512: [f32; 16], __mmask16, __mmask16;
    mask_512, interleave_512, deinterleave_512, is_topped_512, select_512;
    _mm512_set1_ps, _mm512_add_ps, _mm512_mul_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_storeu_ps, load_masked_512, _mm512_mask_storeu_ps;
}
vector! {
    __m512d: [f64; 8], __mmask8, __mmask8;
    mask_512d, interleave_512d, deinterleave_512d, is_topped_512d, select_512d;
    _mm512_set1_pd, _mm512_add_pd, _mm512_mul_pd, _mm512_fmadd_pd, _mm512_loadu_pd, _mm512_storeu_pd, load_masked_512d, _mm512_mask_storeu_pd;
}
vector! {
    __m256: [f32; 8], __m256i, __m256;
    mask_256, interleave_256, deinterleave_256, is_topped_256, _mm256_blendv_ps;
    _mm256_set1_ps, _mm256_add_ps, _mm256_mul_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_maskload_ps, _mm256_maskstore_ps;
}
vector! {
    __m256d: [f64; 4], __m256i, __m256d;
    mask_256d, interleave_256d, deinterleave_256d, is_topped_256d, _mm256_blendv_pd;
    _mm256_set1_pd, _mm256_add_pd, _mm256_mul_pd, _mm256_fmadd_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_maskload_pd, _mm256_maskstore_pd;
}

// Methods of more than one instruction. `#[inline]` suffices for a function that names its features.

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

#[inline]
#[target_feature(enable = "avx512f")]
fn deinterleave_512(a: __m512, b: __m512) -> (__m512, __m512) {
    let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    (_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn deinterleave_512d(a: __m512d, b: __m512d) -> (__m512d, __m512d) {
    let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
    (_mm512_permutex2var_pd(a, even, b), _mm512_permutex2var_pd(a, odd, b))
}

#[inline]
#[target_feature(enable = "avx2")]
fn deinterleave_256(a: __m256, b: __m256) -> (__m256, __m256) {
    // The halves of both registers, then their even and odd lanes.
    let (low, high) = (_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b));
    (_mm256_shuffle_ps::<0x88>(low, high), _mm256_shuffle_ps::<0xdd>(low, high))
}

#[inline]
#[target_feature(enable = "avx2")]
fn deinterleave_256d(a: __m256d, b: __m256d) -> (__m256d, __m256d) {
    let (low, high) = (_mm256_permute2f128_pd::<0x20>(a, b), _mm256_permute2f128_pd::<0x31>(a, b));
    (_mm256_unpacklo_pd(low, high), _mm256_unpackhi_pd(low, high))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn is_topped_512(a: __m512, b: __m512) -> __mmask16 {
    _mm512_cmp_ps_mask::<_CMP_GT_OQ>(b, a) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(b, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn is_topped_512d(a: __m512d, b: __m512d) -> __mmask8 {
    _mm512_cmp_pd_mask::<_CMP_GT_OQ>(b, a) | _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(b, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn is_topped_256(a: __m256, b: __m256) -> __m256 {
    _mm256_or_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(b, a), _mm256_cmp_ps::<_CMP_UNORD_Q>(b, b))
}

#[inline]
#[target_feature(enable = "avx2")]
fn is_topped_256d(a: __m256d, b: __m256d) -> __m256d {
    _mm256_or_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(b, a), _mm256_cmp_pd::<_CMP_UNORD_Q>(b, b))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn select_512(no: __m512, yes: __m512, choice: __mmask16) -> __m512 {
    _mm512_mask_blend_ps(choice, no, yes)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn select_512d(no: __m512d, yes: __m512d, choice: __mmask8) -> __m512d {
    _mm512_mask_blend_pd(choice, no, yes)
}

/// Prefetches the lines of a slice into the second-level cache.
#[inline]
pub fn prefetch<T>(x: &[T]) {
    for line in x.chunks(64 / size_of::<T>()) {
        // SAFETY: a hint, which reads nothing, and every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) }
    }
}

/// Prefetches the line at this place, which may be anywhere, into the first-level cache.
#[inline(always)]
pub fn prefetch_line<T>(at: *const T) {
    // SAFETY: as above; the instruction never faults.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
}
