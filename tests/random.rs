//! Where do the numbers of tests come from? From a linear congruential generator (Knuth's MMIX), the same for a seed.

use wengert::Scalar;

pub struct Random(pub u64);

impl Random {
    /// The upper 31 bits.
    pub fn bits(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize
    }
    /// One of `0..n`.
    #[allow(dead_code)] // one of the programs draws none
    pub fn below(&mut self, n: usize) -> usize {
        self.bits() % n
    }
    /// Between -1 and 1.
    pub fn number<T: Scalar>(&mut self) -> T {
        T::from_f64(self.bits() as f64 / (1u64 << 30) as f64 - 1.0)
    }
}
