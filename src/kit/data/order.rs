//! The order of examples. It depends only on seed and epoch, so that a resumed run sees the same order.

use crate::init::seeded_by;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

/// A generator that depends on three numbers; changing any of them changes all that it draws.
pub(super) fn generator(seed: u64, epoch: u64, place: u64) -> Xoshiro256PlusPlus {
    seeded_by([seed, epoch, place])
}

/// The indices `0..len` in the order of an epoch.
pub(super) fn shuffled(len: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(&mut generator(seed, epoch, u64::MAX));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_depends_on_seed_and_epoch() {
        // Fixed values: a run that was saved by an earlier version must resume.
        assert_eq!(shuffled(8, 1, 0), PINNED);
        assert_ne!(shuffled(8, 1, 1), PINNED);
        assert_ne!(shuffled(8, 2, 0), PINNED);
        assert_ne!(shuffled(8, 0, 1), PINNED); // seed and epoch are not just added
        let mut sorted = shuffled(1000, 5, 9);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_eq!((shuffled(0, 1, 1), shuffled(1, 1, 1)), (vec![], vec![0]));
    }
    const PINNED: [usize; 8] = [2, 5, 1, 0, 7, 4, 3, 6];
    #[test]
    fn every_place_is_equally_likely() {
        let (n, epochs) = (5, 10_000);
        let mut counts = [[0; 5]; 5];
        for epoch in 0..epochs {
            shuffled(n, 3, epoch).iter().enumerate().for_each(|(place, i)| counts[*i][place] += 1);
        }
        // About 2,000 each; the standard deviation is 40.
        assert!(counts.iter().flatten().all(|c: &i32| (c - 2000).abs() < 200), "{counts:?}");
    }
}
