//! Which instructions does this machine have, and how is code written once for all of them?
//!
//! A [`Kernel`] is a piece of code generic over an instruction set [`Simd`]. [`dispatch`] compiles its body once for each
//! instruction set and runs the one for the widest that this machine has. Two ways to write the body:
//!
//! * a plain loop over slices that calls a small scalar function: the compiler vectorises it with the widest registers;
//! * a tile of accumulators of type [`Vector`], where the shape of the register block matters (matrix products).
//!
//! The instruction set is known only inside the few functions marked `#[target_feature]` in x86.rs, so
//! **all code between `dispatch` and the arithmetic has to be inlined into them**: `run` and every function that it calls
//! with vectors or in a hot loop must be `#[inline(always)]`. What is not inlined still computes the right result, but
//! with the baseline instructions, and slowly.
//!
//! The types `Avx2` and `Avx512` cannot be made outside this module: only `dispatch` hands them out, after it has asked
//! the processor. That is why the methods of [`Vector`] that touch no memory are safe.
#![allow(unsafe_code)]

mod plain;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(all(test, target_arch = "x86_64"))]
pub use x86::Avx512;
#[cfg(target_arch = "x86_64")]
pub use x86::{prefetch, prefetch_line};

pub use plain::Libm;
#[cfg(test)]
pub use plain::Plain;
use std::mem::{ManuallyDrop, needs_drop};
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

/// The widest instruction set of this machine, once it was detected; 0 before.
///
/// `--cfg wengert_simd="avx2"` or `"plain"` caps it at compile time. The unit tests also read the environment variable `WENGERT_SIMD`,
/// so that one build of them can run the narrower paths too.
static LEVEL: AtomicU8 = AtomicU8::new(0);
const PLAIN: u8 = Level::Plain as u8;
#[cfg(target_arch = "x86_64")]
const AVX2: u8 = Level::Avx2 as u8;
#[cfg(target_arch = "x86_64")]
const AVX512: u8 = Level::Avx512 as u8;

/// The widest instruction set of this machine.
#[inline]
pub fn known_level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        PLAIN => Level::Plain,
        #[cfg(target_arch = "x86_64")]
        AVX2 => Level::Avx2,
        #[cfg(target_arch = "x86_64")]
        AVX512 => Level::Avx512,
        _ => detect(),
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
    #[cfg(test)]
    let cap = match std::env::var("WENGERT_SIMD").as_deref() {
        Err(std::env::VarError::NotPresent) => cap,
        Ok("avx2") => Level::Avx2,
        Ok("plain") => Level::Plain,
        other => panic!("WENGERT_SIMD is avx2 or plain, not {other:?}"),
    };
    let found = widest().min(cap);
    LEVEL.store(found as u8, Ordering::Relaxed);
    found
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

/// Prefetches a slice, where there is an instruction for it.
#[cfg(not(target_arch = "x86_64"))]
pub fn prefetch<T>(_: &[T]) {}
/// Prefetches a line of the cache, where there is an instruction for it.
#[cfg(not(target_arch = "x86_64"))]
pub fn prefetch_line<T>(_: *const T) {}

/// Code that is compiled once per instruction set.
pub trait Kernel {
    type Out;
    /// Must be `#[inline(always)]`: see the module's documentation.
    fn run<S: Simd>(self, simd: S) -> Self::Out;
}

/// A [`Kernel`] that is a plain loop and never mentions the instruction set: its body is compiled once for a number type, and then inlined into
/// the code for each instruction set.
pub trait LoopKernel {
    type Out;
    /// Must be `#[inline(always)]`, as [`Kernel::run`].
    fn run(self) -> Self::Out;
}

impl<K: LoopKernel> Kernel for K {
    type Out = K::Out;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> K::Out {
        LoopKernel::run(self)
    }
}

/// Runs the kernel with the widest instruction set of this machine.
#[inline(always)]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Out {
    let kernel = ManuallyDrop::new(kernel);
    // SAFETY: `known_level` has found these features on this machine.
    unsafe { run_at(known_level(), kernel) }
}

/// Runs the kernel with the given instruction set, or a narrower one if this machine lacks it.
#[cfg(test)]
pub fn dispatch_at<K: Kernel>(level: Level, kernel: K) -> K::Out {
    // SAFETY: `detect` has found these features on this machine.
    unsafe { run_at(level.min(detect()), ManuallyDrop::new(kernel)) }
}

/// (Kernels only borrow. If they might have to be dropped after a panic, twice as much would be compiled for each of five hundred.)
///
/// # Safety
/// This machine must have the features of the level.
#[inline(always)]
unsafe fn run_at<K: Kernel>(level: Level, kernel: ManuallyDrop<K>) -> K::Out {
    const { assert!(!needs_drop::<K>()) };
    match level {
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { x86::run_avx512(kernel) },
        // SAFETY: the caller's.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::run_avx2(kernel) },
        _ => ManuallyDrop::into_inner(kernel).run(plain::Plain),
    }
}

/// A function of up to three numbers, which travel in registers: a [`Kernel`] that holds them would go through memory.
pub trait OfNumbers<T: Copy>: Copy {
    /// Must be `#[inline(always)]`, as [`Kernel::run`].
    fn run<S: Simd>(self, a: T, b: T, c: T) -> T;
}

/// Runs the function with the widest instruction set of this machine, if it has been detected by [`known_level`] before, else with the baseline.
/// (A detection here would send the numbers through memory.)
#[inline]
pub fn dispatch_numbers<T: Copy, F: OfNumbers<T>>(f: F, a: T, b: T, c: T) -> T {
    match LEVEL.load(Ordering::Relaxed) {
        // SAFETY: `detect` has found these features on this machine.
        #[cfg(target_arch = "x86_64")]
        AVX512 => unsafe { x86::numbers_avx512(f, a, b, c) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        AVX2 => unsafe { x86::numbers_avx2(f, a, b, c) },
        _ => f.run::<plain::Plain>(a, b, c),
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

/// `f32` or `f64`: the numbers that there are vectors of.
pub trait Element: Copy + Send + Sync + Default + Add<Output = Self> + Mul<Output = Self> + sealed::Sealed + 'static {
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
    /// A choice for each lane.
    type Choice: Copy;

    fn splat(x: T) -> Self;
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once where the instruction set has it ([`Simd::FMA`]).
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `[a0, b0, a1, b1, ..]` in two registers: one step of a transposition.
    fn interleave(self, other: Self) -> (Self, Self);
    /// `[a0, a2, .., b0, b2, ..]` and `[a1, a3, .., b1, b3, ..]`: what [`Vector::interleave`] came from.
    fn deinterleave(self, other: Self) -> (Self, Self);
    /// The lanes in which `other` is larger than this, or NaN.
    fn is_topped(self, other: Self) -> Self::Choice;
    /// In each lane `yes` if it is chosen, else `no`.
    fn select(choice: Self::Choice, yes: Self, no: Self) -> Self;

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

    /// The first numbers of a slice, and zeros behind its end.
    #[inline(always)]
    fn read(from: &[T]) -> Self {
        if from.len() >= Self::LANES {
            // SAFETY: there are as many.
            unsafe { Self::load(from.as_ptr()) }
        } else {
            // SAFETY: the mask has as many lanes as the slice has numbers.
            unsafe { Self::load_masked(from.as_ptr(), Self::mask(from.len())) }
        }
    }
    /// Writes the first lanes: all, or as many as the slice has room for.
    #[inline(always)]
    fn write(self, to: &mut [T]) {
        if to.len() >= Self::LANES {
            // SAFETY: there is room.
            unsafe { self.store(to.as_mut_ptr()) }
        } else {
            // SAFETY: the mask has as many lanes as the slice has room for.
            unsafe { self.store_masked(to.as_mut_ptr(), Self::mask(to.len())) }
        }
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
